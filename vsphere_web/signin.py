"""Ways to log in beside a local name and password, as the environment says: OpenID Connect, SAML, LDAP.

All are off where nothing is set; docs/sso.md tells what each variable means. This module has no import of Django, so
that the settings can ask it.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

import environ

from vsphere_web.env import env

LOOPBACK = ("127.0.0.1", "localhost", "::1")
OIDC, SAML = "oidc", "saml"  # also the part of the address that names the provider
MISSING = "{variable} is set, but {package} is not installed. Run: pip install -r {file}"


def providers() -> dict[str, Any]:
    """The value of SOCIALACCOUNT_PROVIDERS."""
    openid, saml = _openid_app(), _saml_app()
    found: dict[str, Any] = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [openid] if openid else []}}
    if saml:
        found["saml"] = {"APPS": [saml]}
    return found


def apps() -> list[str]:
    """Applications that only some of the ways need."""
    return ["allauth.socialaccount.providers.saml"] if _saml_wanted() else []


def backends() -> list[str]:
    return ["inventory.ldap.OfTheDirectory"] if _ldap_wanted() else []


def form_targets() -> list[str]:
    """Origins that a form of the log-in page may lead to, for the Content-Security-Policy.

    A browser holds a form's redirects to the policy too: the button posts to this site, which sends it on.
    """
    addresses = [env.str("OIDC_ISSUER", default=""), env.str("SAML_SSO_URL", default="")]
    addresses += env.list("SSO_ORIGINS", default=[])
    parts = [urlsplit(one) for one in addresses if one]
    return sorted({f"{one.scheme}://{one.netloc}" for one in parts if one.netloc})


def _openid_app() -> dict[str, Any] | None:
    issuer = env.str("OIDC_ISSUER", default="")
    if not issuer:
        return None
    _secure("OIDC_ISSUER", issuer)
    return {
        "provider_id": OIDC,
        "name": env.str("OIDC_NAME", default="OpenID Connect"),
        "client_id": _required("OIDC_CLIENT_ID"),
        "secret": _required("OIDC_CLIENT_SECRET"),
        "settings": {"server_url": issuer.rstrip("/"), "scope": env.list("OIDC_SCOPES", default=["openid", "profile"])},
    }


def _saml_wanted() -> bool:
    if not env.str("SAML_ENTITY_ID", default=""):
        return False
    if find_spec("onelogin") is None:
        raise environ.ImproperlyConfigured(
            MISSING.format(variable="SAML_ENTITY_ID", package="python3-saml", file="requirements-saml.txt")
        )
    return True


def _saml_app() -> dict[str, Any] | None:
    if not _saml_wanted():
        return None
    idp = {"entity_id": _required("SAML_ENTITY_ID")}
    if metadata := env.str("SAML_METADATA_URL", default=""):
        _secure("SAML_METADATA_URL", metadata)
        idp["metadata_url"] = metadata
    else:
        idp |= {"sso_url": _required("SAML_SSO_URL"), "x509cert": _required("SAML_CERTIFICATE")}
    names = {"uid": _required("SAML_UID_ATTRIBUTE"), "username": env.str("SAML_NAME_ATTRIBUTE", default="")}
    return {
        "client_id": SAML,
        "name": env.str("SAML_NAME", default="SAML"),
        "provider_id": idp["entity_id"],
        "settings": {
            "idp": idp,
            "attribute_mapping": {key: name for key, name in names.items() if name},
            # What is not signed by the provider is not believed; answers that nobody asked for are refused.
            "advanced": {"want_assertion_signed": True, "reject_idp_initiated_sso": True},
        },
    }


def _ldap_wanted() -> bool:
    if not env.str("LDAP_URL", default=""):
        return False
    if find_spec("django_auth_ldap") is None:
        raise environ.ImproperlyConfigured(
            MISSING.format(variable="LDAP_URL", package="django-auth-ldap", file="requirements-ldap.txt")
        )
    return True


def ldap() -> dict[str, Any]:
    """The settings AUTH_LDAP_…; empty where no directory is named. The two libraries are imported only here."""
    if not _ldap_wanted():
        return {}
    from importlib import import_module

    scope = import_module("ldap").SCOPE_SUBTREE
    search = import_module("django_auth_ldap.config").LDAPSearch
    url, start_tls = env.str("LDAP_URL"), env.bool("LDAP_START_TLS", default=False)
    if not url.startswith("ldaps://") and not start_tls and urlsplit(url).hostname not in LOOPBACK:
        raise environ.ImproperlyConfigured("LDAP_URL has to begin with ldaps://, or set LDAP_START_TLS=true.")
    return {
        "AUTH_LDAP_SERVER_URI": url,
        "AUTH_LDAP_START_TLS": start_tls,
        "AUTH_LDAP_BIND_DN": env.str("LDAP_BIND_DN", default=""),
        "AUTH_LDAP_BIND_PASSWORD": env.str("LDAP_BIND_PASSWORD", default=""),
        "AUTH_LDAP_USER_SEARCH": search(
            _required("LDAP_USER_BASE"),
            scope,
            env.str("LDAP_USER_FILTER", default="(uid=%(user)s)"),
            # All attributes, and the number of an entry, which servers only give to those who ask for it.
            ["*", "entryUUID"],
        ),
        "AUTH_LDAP_USER_ATTR_MAP": {"first_name": "givenName", "last_name": "sn", "email": "mail"},
        "AUTH_LDAP_CONNECTION_OPTIONS": {import_module("ldap").OPT_NETWORK_TIMEOUT: 5},
    }


def _required(name: str) -> str:
    value = env.str(name, default="")
    if not value:
        raise environ.ImproperlyConfigured(f"{name} is missing. docs/sso.md tells which variables belong together.")
    return value


def _secure(name: str, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise environ.ImproperlyConfigured(f"{name} has to begin with https://.")

"""Coming and going, and a person's own password."""

from django.urls import path

from inventory.views import accounts

urlpatterns = [
    path("login/", accounts.LogIn.as_view(), name="login"),
    path("logout/", accounts.LogOut.as_view(), name="logout"),
    path("password/", accounts.ChangePassword.as_view(), name="password-change"),
    path("password/changed/", accounts.PasswordChanged.as_view(), name="password-changed"),
]

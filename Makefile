# One gate: `make check`. `make code` is the same without the tests.

PYTHON = $(firstword $(wildcard .venv/bin/python) python3)
BIN = $(PYTHON) -m
# Settings as in production; nothing is connected to.
PRODUCTION = SECRET_KEY=$$($(PYTHON) -c 'import secrets; print(secrets.token_urlsafe(60))') \
	ALLOWED_HOSTS=dashboard.example.org DATABASE_URL=postgres://user:password@localhost/name \
	REDIS_URL=redis://localhost:6379/0 BEHIND_TLS_PROXY=true

.PHONY: check code setup format lab test

check: code test

# setup may make the environment that the rest runs in: hence the inner make.
code: setup
	@$(MAKE) --no-print-directory --keep-going style types floors migrations deployable

setup:
	python3 manage.py test --setup-only

.PHONY: style types floors migrations deployable
style:
	$(BIN) ruff check --output-format concise .
	$(BIN) ruff format --check .

types:
	$(BIN) mypy

floors:
	$(PYTHON) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()'

migrations:
	$(PYTHON) manage.py makemigrations --check --dry-run

deployable:
	@echo "manage.py check --deploy, with the settings of production"
	@$(PRODUCTION) $(PYTHON) manage.py check --deploy --fail-level WARNING

test:
	python3 manage.py test

lab:
	python3 manage.py lab

format:
	$(BIN) ruff check --fix .
	$(BIN) ruff format .

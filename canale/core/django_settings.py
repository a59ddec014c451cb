# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Django's own settings, derived from canale's (settings.py)."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path
from urllib.parse import urlsplit

from canale.core.settings import database_settings, settings

BASE_DIR = Path(__file__).parent.parent
_HTTPS = settings.base_url.startswith("https://")

# Derived, so that a leaked Django key does not open the vault.
SECRET_KEY = hmac.new(settings.secret_key.encode(), b"canale django", hashlib.sha256).hexdigest()
DEBUG = False
# net/hosts.py refuses other hosts earlier; without TLS this machine may have many names. Links
# are made from CANALE_BASE_URL, never from the Host header.
_NETLOC = urlsplit(settings.base_url).netloc
ALLOWED_HOSTS = [_NETLOC.removesuffix(f":{urlsplit(settings.base_url).port}")] if _HTTPS else ["*"]
CSRF_TRUSTED_ORIGINS = [settings.base_url]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "canale.channel",
    "canale.followers",
    "canale.reactions",
    "canale.accounts",
    "canale.delivery",
    "canale.live",
    "canale.syndication",
    "canale.previews",
    "canale.publishing",
    "canale.public",
    "canale.newsroom",
    "canale.api",
    # For the list of passkeys, which shows when each was used.
    "django.contrib.humanize",
    # Last: our templates go before its own.
    "allauth",
    "allauth.account",
    "allauth.mfa",
]
MIDDLEWARE = [
    "canale.metrics.database_timing.DatabaseTimingMiddleware",
    "canale.metrics.refusals.Refusals",
    "canale.public.security.SecurityHeaders",
    "canale.public.static_files.StaticFiles",
    "canale.newsroom.middleware.StaffSessionMiddleware",
    "canale.net.readable.ReadableRequests",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "canale.newsroom.middleware.StaffCsrfMiddleware",
    "canale.newsroom.middleware.StaffAuthenticationMiddleware",
    "canale.newsroom.middleware.StaffMessageMiddleware",
    "canale.newsroom.middleware.StaffSignInLimitMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
ROOT_URLCONF = "canale.core.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DATABASES = database_settings(settings)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.Staff"
AUTHENTICATION_BACKENDS = ["canale.newsroom.backend.StaffBackend"]
PASSWORD_HASHERS = ["canale.accounts.hashing.ThrottledArgon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "canale.accounts.passwords.EmailSimilarityValidator"},
    {
        "NAME": "canale.accounts.passwords.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "canale.accounts.passwords.GuessablePasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "/newsroom/accounts/login/"
LOGIN_REDIRECT_URL = "/newsroom/"
LOGOUT_REDIRECT_URL = "/newsroom/accounts/login/"

LANGUAGE_CODE = "it"
LANGUAGES = [("it", "Italiano"), ("en", "English")]
LANGUAGE_COOKIE_NAME = "canale_language"
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = _HTTPS
TIME_ZONE = settings.time_zone
USE_TZ = True

STATIC_URL = "/static/"
# In the package, so that a wheel carries them.
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [path for path in [BASE_DIR / "static"] if path.is_dir()]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = True

SESSION_ENGINE = "canale.accounts.sessions"
# Under https no other host of the city's domain can plant a cookie of this name (RFC 6265bis,
# section 4.1.3.2); browsers then want it for the whole host.
COOKIE_PREFIX = "__Host-" if _HTTPS else ""
_STAFF_PATH = "/" if _HTTPS else "/newsroom"
SESSION_COOKIE_NAME = f"{COOKIE_PREFIX}canale_staff"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = _HTTPS
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_PATH = _STAFF_PATH
CSRF_COOKIE_NAME = f"{COOKIE_PREFIX}canale_csrf"
CSRF_COOKIE_SECURE = _HTTPS
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_PATH = _STAFF_PATH
CSRF_USE_SESSIONS = False
CSRF_FAILURE_VIEW = "canale.newsroom.start_views.forged"
# No cookie of their own.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
# The API takes ten images in one JSON document, and has its own limits (api/guards.py); so has
# the newsroom (newsroom/middleware.py).
DATA_UPLOAD_MAX_MEMORY_SIZE = 30 * 2**20
FILE_UPLOAD_MAX_MEMORY_SIZE = 4 * 2**20
DATA_UPLOAD_MAX_NUMBER_FILES = 12

ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "canale.newsroom.adapter.StaffAccountAdapter"
ACCOUNT_FORMS = {
    "change_password": "canale.newsroom.account_forms.PasswordChangeForm",
    "login": "canale.newsroom.account_forms.SignInForm",
}
# Ours are kept in the database (newsroom/sign_in_limits.py).
ACCOUNT_RATE_LIMITS = False
SIGN_IN_LIMITS = settings.rate_limits
# Processes share no cache, so nothing may rely on one.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
MFA_SUPPORTED_TYPES = ["webauthn", "totp", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ADAPTER = "canale.newsroom.adapter.SealedMFAAdapter"
MFA_FORMS = {
    "add_webauthn": "canale.newsroom.passkey_forms.AddPasskeyForm",
    "authenticate_webauthn": "canale.newsroom.passkey_forms.SecondFactorPasskeyForm",
    "login_webauthn": "canale.newsroom.passkey_forms.SignInPasskeyForm",
    "reauthenticate_webauthn": "canale.newsroom.passkey_forms.ReauthenticatePasskeyForm",
    "authenticate": "canale.newsroom.mfa_forms.SignInCodeForm",
    "reauthenticate": "canale.newsroom.mfa_forms.ReauthenticateCodeForm",
    "activate_totp": "canale.newsroom.mfa_forms.ActivateCodeForm",
}
# Browsers accept http://localhost as a secure origin; so does this.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not _HTTPS

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {"()": "canale.runtime.logs.TextLineFormatter"},
        "json": {"()": "canale.runtime.logs.JsonLineFormatter"},
    },
    "filters": {"once": {"()": "canale.runtime.database_away.OncePerOutage"}},
    "handlers": {
        "out": {
            "class": "logging.StreamHandler",
            "formatter": settings.log_format,
            "filters": ["once"],
        }
    },
    "root": {"handlers": ["out"], "level": "INFO"},
    "loggers": {
        # Django logs the path of every 4xx; under attack that is noise, and a path may
        # carry an invite's code.
        "django.request": {"level": "ERROR"},
        # An unreadable request gets a 400; its traceback would only fill the log.
        "django.security": {"level": "CRITICAL"},
        # It logs which person used which key.
        "fido2": {"level": "WARNING"},
    },
}
SILENCED_SYSTEM_CHECKS: list[str] = []

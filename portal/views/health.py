"""How the portal is, for whoever watches over it: alive, ready, and in figures."""

import ipaddress

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from portal import exposition
from portal.readiness import Verdict, readiness

PLAIN = "text/plain; charset=utf-8"
FORWARDED = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_REAL_IP")
WORDS = {Verdict.OK: "ready", Verdict.DEGRADED: "degraded", Verdict.FAILED: "not ready"}


@login_not_required
@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """200 “ok” as long as this process answers at all. Asks nobody else: restarting it would mend nothing else."""
    return HttpResponse("ok\n", content_type=PLAIN)


@login_not_required
@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Each check with its verdict and a sentence; 503 when traffic should go elsewhere, 200 otherwise."""
    found = readiness()
    checks = {
        check.name: {"verdict": check.verdict(answer), "sentence": answer.sentence} for check, answer in found.answers
    }
    status = 503 if found.verdict is Verdict.FAILED else 200
    return JsonResponse({"status": WORDS[found.verdict], "checks": checks}, status=status)


@login_not_required
@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The figures for Prometheus: with METRICS_TOKEN as bearer token, without one from this very machine only."""
    if refused := _why_no_metrics(request):
        return refused
    try:
        body, media_type = exposition.metrics(request.headers.get("Accept", ""))
    except DatabaseError:
        return HttpResponse("The database cannot be reached.\n", status=503, content_type=PLAIN)
    return HttpResponse(body, content_type=media_type)


def _why_no_metrics(request: HttpRequest) -> HttpResponse | None:
    if settings.METRICS_TOKEN:
        if constant_time_compare(request.headers.get("Authorization", ""), f"Bearer {settings.METRICS_TOKEN}"):
            return None
        sentence = "Send the value of METRICS_TOKEN as a bearer token.\n"
        return HttpResponse(sentence, status=401, content_type=PLAIN, headers={"WWW-Authenticate": "Bearer"})
    if _is_from_here(request):
        return None
    sentence = "Metrics are for this machine only as long as METRICS_TOKEN is not set.\n"
    return HttpResponse(sentence, status=403, content_type=PLAIN)


def _is_from_here(request: HttpRequest) -> bool:
    """From a program on this machine that is no reverse proxy: what a proxy passes on comes from anywhere."""
    if settings.SECURE_PROXY_SSL_HEADER or any(name in request.META for name in FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False

"""Middleware that runs for some routes only, so that the others don't pay for it."""

from collections.abc import Callable
from typing import Any, cast

from asgiref.sync import async_to_sync, iscoroutinefunction
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, MiddlewareNotUsed
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponseBase
from django.utils.module_loading import import_string

from twitter_project.routes import Decorator, View, marked

Handler = Callable[[HttpRequest], HttpResponseBase]
Middleware = Callable[[Handler], Any]


def route_middleware(*middleware: Middleware) -> Decorator:
    """Runs this middleware around the view, in this order, outside any that the view has already.

    It runs once the URL is resolved, so it can't change which view answers.
    """

    def decorate(view: View) -> View:
        return marked(view, route_middleware=(*middleware, *getattr(view, "route_middleware", ())))

    return decorate


class RouteMiddleware:
    """Runs the view's `route_middleware`, all of its hooks included."""

    def __init__(self, get_response: Handler) -> None:
        _check_settings()
        self._get_response = get_response
        self._handlers: dict[tuple[Middleware, ...], Handler] = {}

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self._get_response(request)

    def process_view(
        self, request: HttpRequest, view: View, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        middleware = getattr(view, "route_middleware", None)
        if middleware is None:
            return None
        handler = self._handlers.get(middleware)
        if handler is None:
            handler = self._handlers[middleware] = _RouteHandler(middleware).handle
        return handler(request)


def _check_settings() -> None:
    """The outer middleware gets the finished response of a route, so some hooks can't run there."""
    *outer, last = settings.MIDDLEWARE
    if import_string(last) is not RouteMiddleware:
        raise ImproperlyConfigured("MIDDLEWARE: RouteMiddleware must be the last")
    for path in outer:
        for hook in ("process_exception", "process_template_response"):
            if hasattr(import_string(path), hook):
                raise ImproperlyConfigured(f"MIDDLEWARE: {path} has a {hook}: use route_middleware")


class _RouteHandler:
    """Calls the resolved view through middleware, as Django's handler does for MIDDLEWARE."""

    def __init__(self, middleware: tuple[Middleware, ...]) -> None:
        self._view_hooks: list[Callable[..., HttpResponseBase | None]] = []
        self._template_hooks: list[Callable[..., HttpResponseBase]] = []
        self._exception_hooks: list[Callable[..., HttpResponseBase | None]] = []
        self.handle: Handler = _answering_exceptions(self._call_view)
        for factory in reversed(middleware):
            try:
                instance = factory(self.handle)
            except MiddlewareNotUsed:
                continue
            if hasattr(instance, "process_view"):
                self._view_hooks.insert(0, instance.process_view)
            if hasattr(instance, "process_template_response"):
                self._template_hooks.append(instance.process_template_response)
            if hasattr(instance, "process_exception"):
                self._exception_hooks.append(instance.process_exception)
            self.handle = _answering_exceptions(instance)

    def _call_view(self, request: HttpRequest) -> HttpResponseBase:
        assert request.resolver_match is not None
        view, args, kwargs = request.resolver_match
        for hook in self._view_hooks:
            if response := hook(request, view, args, kwargs):
                return self._render(request, response)
        call = async_to_sync(view) if iscoroutinefunction(view) else view
        try:
            answer = call(request, *args, **kwargs)
        except Exception as error:
            answer = self._answer_exception(request, error)
        return self._render(request, _require(answer, view))

    def _render(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if not callable(getattr(response, "render", None)):
            return response
        for hook in self._template_hooks:
            response = _require(hook(request, response), hook)
        try:
            rendered: HttpResponseBase = response.render()  # type: ignore[attr-defined]
        except Exception as error:
            return self._answer_exception(request, error)
        return rendered

    def _answer_exception(self, request: HttpRequest, error: Exception) -> HttpResponseBase:
        for hook in self._exception_hooks:
            if response := hook(request, error):
                return response
        raise error


def _answering_exceptions(handler: Handler) -> Handler:
    return cast(Handler, convert_exception_to_response(handler))


def _require(response: HttpResponseBase | None, source: object) -> HttpResponseBase:
    if response is None:
        raise ValueError(f"{source!r} returned None instead of a response")
    return response

"""Marks on views, by which middleware knows what a route needs; for one view or for a group."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.urls import URLPattern, URLResolver

View = Callable[..., Any]
Decorator = Callable[[View], View]
Included = tuple[Any, str | None, str | None]  # of `include()`, and of a site's `urls`


def marked(view: View, **marks: Any) -> View:
    """The view with these attributes. `view` itself, which other routes may use, stays as it is."""

    @wraps(view)
    def copy(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    vars(copy).update(marks)
    return markcoroutinefunction(copy) if iscoroutinefunction(view) else copy


def decorated(included: Included, *decorators: Decorator) -> Included:
    """Decorates every view of a group of routes; the first decorator is outermost."""
    urls, app_name, namespace = included
    routes = urls if isinstance(urls, list) else urls.urlpatterns
    return _decorate(routes, decorators), app_name, namespace


def _decorate(
    routes: Sequence[URLPattern | URLResolver], decorators: Sequence[Decorator]
) -> list[URLPattern | URLResolver]:
    made: list[URLPattern | URLResolver] = []
    for route in routes:
        if isinstance(route, URLResolver):
            nested = _decorate(route.url_patterns, decorators)
            made.append(
                URLResolver(
                    route.pattern, nested, route.default_kwargs, route.app_name, route.namespace
                )
            )
            continue
        view: View = route.callback
        for decorate in reversed(decorators):
            view = decorate(view)
        made.append(URLPattern(route.pattern, view, route.default_args, route.name))
    return made

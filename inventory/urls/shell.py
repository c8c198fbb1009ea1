"""What the shell asks for: home, tree, consoles, search, panes, preferences."""

from django.urls import path

from inventory.views import events, home, objects, permissions, preferences, search, snapshots, tasks, terms, tree

urlpatterns = [
    path("", home.home, name="home"),
    path("landing/", objects.landing, name="landing"),
    path("tree/", tree.roots, name="tree-roots"),
    path("vc/<uuid:vc>/tree/", tree.children, name="tree"),
    path("vc/<uuid:vc>/tree/alarms/", tree.alarms, name="tree-alarms"),
    path("search/", search.results, name="search"),
    path("search/suggest/", search.suggest, name="search-suggest"),
    path("vc/<uuid:vc>/search/", search.results, name="vc-search"),
    path("tasks/recent/", tasks.recent, name="tasks-recent"),
    path("tasks/", tasks.console, name="tasks"),
    path("tasks/<int:pk>/cancel/", tasks.cancel, name="task-cancel"),
    path("tasks/<int:pk>/undo/", tasks.undo, name="task-undo"),
    path("vc/<uuid:vc>/tasks/", tasks.console, name="vc-tasks"),
    path("events/", events.console, name="events"),
    path("vc/<uuid:vc>/events/", events.console, name="vc-events"),
    path("alarms/recent/", tasks.alarms, name="alarms-recent"),
    path("alarms/<int:pk>/<slug:verb>/", tasks.alarm_verb, name="alarm-verb"),
    path("recycle/", home.recycle_bin, name="recycle-bin"),
    path("vc/<uuid:vc>/recycle/<moref:moref>/<slug:verb>/", home.recycle_verb, name="recycle-verb"),
    path("vc/<uuid:vc>/clock/", preferences.clock, name="clock"),
    path("vc/<uuid:vc>/<moref:moref>/permission/", permissions.grant, name="permission-grant"),
    path("vc/<uuid:vc>/<moref:moref>/permission/<int:pk>/", permissions.change, name="permission-change"),
    path("vc/<uuid:vc>/<moref:moref>/permission/<int:pk>/revoke/", permissions.revoke, name="permission-revoke"),
    path("vc/<uuid:vc>/<moref:moref>/snapshot/<moref:snapshot>/<slug:verb>/", snapshots.verb, name="snapshot-verb"),
    path("terms/", terms.peek, name="terms"),
    path("preferences/", preferences.edit, name="preferences"),
    path("preferences/theme/", preferences.theme, name="theme"),
    path("preferences/language/", preferences.language, name="language"),
]

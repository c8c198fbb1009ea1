"""Addresses of exercises; included by `classroom.urls`, in its name space."""

from django.urls import path

from classroom.exercises import teaching, views

urlpatterns = [
    path("vc/<uuid:vc>/exercise/", views.panel, name="exercise"),
    path("vc/<uuid:vc>/exercise/check/", views.check, name="exercise-check"),
    path("vc/<uuid:vc>/exercise/give-up/", views.give_up, name="exercise-give-up"),
    path("vc/<uuid:vc>/exercise/begin/<slug:lesson>/", views.begin, name="exercise-begin"),
    path("vc/<uuid:vc>/exercise/again/<slug:lesson>/", views.again, name="exercise-again"),
    path("vc/<uuid:vc>/exercise/hint/<slug:step>/", views.hint, name="exercise-hint"),
    path("vc/<uuid:vc>/exercise/press/<slug:step>/", views.press, name="exercise-press"),
    path("classroom/<int:pk>/exercises/", teaching.assignments, name="assignments"),
    path("classroom/<int:pk>/exercises/<slug:lesson>/text/", teaching.lesson, name="lesson"),
    path("classroom/<int:pk>/exercises/<slug:lesson>/<slug:verb>/", teaching.assign, name="assign"),
    path("classroom/<int:pk>/scores/", teaching.scores, name="scores"),
    path("classroom/<int:pk>/scores.csv", teaching.scores_csv, name="scores-csv"),
    path("classroom/<int:pk>/cards/<slug:kind>/draw/", teaching.draw, name="card-draw"),
    path("classroom/<int:pk>/cards/<int:card>/withdraw/", teaching.withdraw, name="card-withdraw"),
]

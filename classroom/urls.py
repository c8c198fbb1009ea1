"""Every address of the classroom."""

from importlib.util import find_spec

from django.urls import include, path

from classroom.views import course, home, labs, members, wall

app_name = "classroom"
NEIGHBOURS = ("classroom.exercises.urls", "classroom.clock_urls")

urlpatterns = [
    path("classroom/", home.home, name="home"),
    path("classroom/new/", home.new_course, name="new"),
    path("classroom/join/", home.find, name="join"),
    path("classroom/join/<str:code>/", home.join, name="join-link"),
    path("classroom/<int:pk>/", course.overview, name="course"),
    path("classroom/<int:pk>/batch/", course.batch, name="batch"),
    path("classroom/<int:pk>/batch/<int:batch>/cancel/", course.cancel_batch, name="batch-cancel"),
    path("classroom/<int:pk>/edit/", course.edit, name="edit"),
    path("classroom/<int:pk>/archive/", course.archive, name="archive"),
    path("classroom/<int:pk>/code/", course.renew_code, name="renew-code"),
    path("classroom/<int:pk>/template/", course.new_template, name="template-new"),
    path("classroom/<int:pk>/template/capture/", course.capture, name="template-capture"),
    path("classroom/<int:pk>/template/file/", course.template_from_file, name="template-file"),
    path("classroom/<int:pk>/template/<int:template>/", course.edit_template, name="template"),
    path("classroom/<int:pk>/template/<int:template>/delete/", course.delete_template, name="template-delete"),
    path("classroom/<int:pk>/members/", members.members, name="members"),
    path("classroom/<int:pk>/members/list/", members.read_list, name="roster"),
    path("classroom/<int:pk>/members/list/take/", members.take_list, name="roster-take"),
    path("classroom/<int:pk>/members/<int:member>/remove/", members.remove, name="member-remove"),
    path("classroom/<int:pk>/members/<int:member>/password/", members.new_password, name="member-password"),
    path("classroom/<int:pk>/teachers/", members.add_co_teacher, name="co-teacher"),
    path("classroom/<int:pk>/teachers/<int:user>/remove/", members.remove_co_teacher, name="co-teacher-remove"),
    path("classroom/<int:pk>/labs/make/", labs.make, name="make"),
    path("classroom/<int:pk>/labs/all/<slug:verb>/", labs.all_labs, name="labs"),
    path("classroom/<int:pk>/labs/<int:lab>/extend/", labs.extend, name="lab-extend"),
    path("classroom/<int:pk>/labs/<int:lab>/copy/", wall.copy, name="lab-copy"),
    path("classroom/<int:pk>/labs/<int:lab>/message/", wall.message, name="lab-message"),
    path("classroom/<int:pk>/labs/<int:lab>/visit/<slug:verb>/", wall.visit, name="lab-visit"),
    path("classroom/<int:pk>/labs/<int:lab>/<slug:verb>/", labs.one_lab, name="lab"),
    path("classroom/<int:pk>/wall/", wall.show, name="wall"),
    path("classroom/<int:pk>/message/", wall.message, name="message"),
    path("vc/<uuid:vc>/classroom/", wall.notes, name="notes"),
    path("vc/<uuid:vc>/classroom/dismiss/", wall.dismiss, name="dismiss"),
    *(path("", include(module)) for module in NEIGHBOURS if find_spec(module)),
]

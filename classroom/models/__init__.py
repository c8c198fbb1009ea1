"""Tables of the classroom app."""

from classroom.models.checkpoints import Checkpoint
from classroom.models.courses import Batch, Course, FirstPassword, Lab, LabTemplate, Membership
from classroom.models.exercises import Assignment, Attempt, Card, StepResult

__all__ = [
    "Assignment",
    "Attempt",
    "Batch",
    "Card",
    "Checkpoint",
    "Course",
    "FirstPassword",
    "Lab",
    "LabTemplate",
    "Membership",
    "StepResult",
]

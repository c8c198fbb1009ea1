"""Typed refusals with vSphere's names; what one is and how it is said is in `domain.method_fault`."""

from __future__ import annotations

from typing import Any

from domain.method_fault import REGISTRY as REGISTRY
from domain.method_fault import MethodFault as MethodFault
from domain.method_fault import fill as fill
from domain.text import _


def from_dict(data: dict[str, Any]) -> MethodFault:
    """The fault that `to_dict` wrote; a name of another version becomes a SystemError_ that keeps it."""
    cls = REGISTRY.get(str(data.get("fault")))
    if cls is None:
        return SystemError_(reason=str(data.get("fault")))
    return cls(**dict(data.get("fields") or {}))


# --- arguments and names --------------------------------------------------------------------------------------------
class InvalidArgument(MethodFault):
    template = _("“%(property)s” is not valid: %(reason)s")


class InvalidName(MethodFault):
    template = _("The name “%(name)s” is not valid: a name has 1 to 80 characters.")


class DuplicateName(MethodFault):
    template = _("The name “%(name)s” is already used here. Choose another name.")


class InvalidFolder(MethodFault):
    template = _("“%(target)s” cannot be placed there: the folder holds other kinds of objects, or is inside it.")


class NotSupported(MethodFault):
    template = _("This is not supported here: %(reason)s")


class NotFound(MethodFault):
    template = _("%(what)s does not exist (any more).")


class ManagedObjectNotFound(MethodFault):
    template = _("The object %(moref)s has already been deleted or has not been completely created.")


class NoPermission(MethodFault):
    template = _("You need the privilege %(privilege)s on “%(object)s”. Ask an administrator.")


class ConcurrentAccess(MethodFault):
    template = _("Someone else changed “%(name)s” meanwhile. Compare the two versions and save again.")


class LimitExceeded(MethodFault):
    template = _("“%(property)s” may be at most %(limit)s.")


class ResetLimitExceeded(LimitExceeded):
    template = _(
        "vSphere HA has reset “%(name)s” %(limit)s times already, the most within its reset window. Mend its guest "
        "operating system and reset it, or raise the maximum under VM Monitoring."
    )


class RequestCanceled(MethodFault):
    template = _("The task was cancelled by %(user)s.")


class CancelledByRewind(RequestCanceled):
    template = _("The task was cancelled: %(user)s took the lab back to “%(checkpoint)s”.")


class LabRewound(MethodFault):
    template = _(
        "The lab “%(name)s” was taken back to a checkpoint meanwhile. Open the page again and repeat the step."
    )


class Timedout(MethodFault):
    template = _("The operation did not finish in time (%(timeout_s)s s).")


class SystemError_(MethodFault):
    template = _("A process ended before it could finish the task (%(reason)s). Nothing was half done; try again.")

    @property
    def name(self) -> str:
        return "SystemError"


REGISTRY["SystemError"] = SystemError_


# --- states ---------------------------------------------------------------------------------------------------------
class InvalidState(MethodFault):
    template = _("“%(name)s” is in a state that does not allow this: %(reason)s")


class InvalidPowerState(MethodFault):
    template = _("“%(name)s” is %(existingState)s; the operation needs it %(requestedState)s.")


class TaskInProgress(MethodFault):
    template = _("Another task is already running on “%(name)s” (%(task)s). Wait for it or cancel it.")


class VAppTaskInProgress(TaskInProgress):
    template = _("The vApp “%(vapp)s” of “%(name)s” is being started or stopped. Wait for it or cancel it.")


class VAppOperationInProgress(MethodFault):
    template = _("“%(name)s” is being started or stopped already (%(task)s). Wait for it or cancel it.")


class VAppEntityFailed(MethodFault):
    template = _("“%(name)s” stopped at “%(vm)s”: %(reason)s")


class ToolsUnavailable(MethodFault):
    template = _("Guest tools are not running in “%(name)s”. Use the hard power operation instead.")


class ResourceInUse(MethodFault):
    template = _("“%(name)s” is in use by %(users)s.")


class InvalidHostState(MethodFault):
    template = _("The host “%(host)s” is %(state)s and cannot take virtual machines now.")


class InvalidHostConnectionState(MethodFault):
    template = _("The host “%(host)s” is not connected (%(state)s).")


class HostNotConnected(MethodFault):
    template = _("The host “%(host)s” is not connected.")


class HostNotReachable(MethodFault):
    template = _("The host “%(host)s” cannot be reached. Check its name, its power and its network.")


class HostPowerOpFailed(MethodFault):
    template = _("The power operation on host “%(host)s” failed: %(reason)s")


class AlreadyConnected(MethodFault):
    template = _("The host “%(host)s” is already connected.")


class TooManyHosts(MethodFault):
    template = _("The cluster “%(cluster)s” already has %(limit)s hosts, the most it can have.")


# --- resources ------------------------------------------------------------------------------------------------------
class InsufficientResourcesFault(MethodFault):
    template = _("There are not enough resources.")


class InsufficientCpuResourcesFault(InsufficientResourcesFault):
    template = _("“%(pool)s” has %(unreserved)s MHz of unreserved CPU left; %(requested)s MHz are needed.")


class InsufficientMemoryResourcesFault(InsufficientResourcesFault):
    template = _("“%(pool)s” has %(unreserved)s MB of unreserved memory left; %(requested)s MB are needed.")


class InsufficientHostCapacityFault(InsufficientResourcesFault):
    template = _("The host “%(host)s” has no room: %(reason)s")


class InsufficientHostCpuCapacityFault(InsufficientHostCapacityFault):
    template = _("The host “%(host)s” has %(unreserved)s MHz of unreserved CPU left; %(requested)s MHz are needed.")


class InsufficientHostMemoryCapacityFault(InsufficientHostCapacityFault):
    template = _("The host “%(host)s” has %(unreserved)s MB of unreserved memory left; %(requested)s MB are needed.")


class InsufficientFailoverResourcesFault(InsufficientResourcesFault):
    template = _("“%(cluster)s” would no longer have the failover capacity that vSphere HA has to keep.")


class InsufficientStandbyResource(InsufficientResourcesFault):
    template = _("Only hosts in standby could run “%(name)s”; none of them can be powered on now.")


class NotEnoughLogicalCpus(MethodFault):
    template = _("“%(name)s” has %(vcpus)s virtual CPUs; the host “%(host)s” has %(logical)s logical processors.")


class NoCompatibleHost(MethodFault):
    template = _("No host can run “%(name)s”: %(reason)s")


class SoftRuleVioCorrectionDisallowed(MethodFault):
    template = _("The preference “%(rule)s” cannot be kept for “%(name)s”: %(reason)s")


class NoDiskSpace(MethodFault):
    template = _("The datastore “%(datastore)s” has %(free)s free; %(requested)s are needed.")


class InsufficientStorageSpace(MethodFault):
    template = _("The datastore “%(datastore)s” has %(free)s free; %(requested)s are needed.")


# --- hardware changes -----------------------------------------------------------------------------------------------
class CpuHotPlugNotSupported(MethodFault):
    template = _("The CPUs of “%(name)s” cannot be changed while it runs: CPU hot add is off. Power it off first.")


class MemoryHotPlugNotSupported(MethodFault):
    template = _("The memory of “%(name)s” cannot be changed so while it runs: %(reason)s")


class InvalidDeviceSpec(MethodFault):
    template = _("The device “%(device)s” cannot be changed so: %(reason)s")


class FileFault(MethodFault):
    template = _("A file of “%(name)s” cannot be used: %(reason)s")


# --- snapshots ------------------------------------------------------------------------------------------------------
class SnapshotFault(MethodFault):
    template = _("The snapshot could not be taken: %(reason)s")


class TooManySnapshotLevels(MethodFault):
    template = _("“%(name)s” already has %(limit)s snapshots in a row, the most it can have. Delete some first.")


class MemorySnapshotOnIndependentDisk(MethodFault):
    template = _("A snapshot with memory cannot be taken: the disk “%(disk)s” is independent.")


# --- migration ------------------------------------------------------------------------------------------------------
class MigrationFault(MethodFault):
    template = _("The migration of “%(name)s” failed: %(reason)s")


class VMotionInterfaceIssue(MigrationFault):
    """Something is wrong between the vMotion adapters of two hosts; the types below say what is wrong with one."""

    template = _(
        "The vMotion adapters speak different IP families: “%(source)s” %(source_family)s, “%(host)s” %(family)s. Give "
        "both the same family (Configure > VMkernel adapters of the host)."
    )


class VMotionNotConfigured(VMotionInterfaceIssue):
    template = _("vMotion is not enabled on a network adapter of host “%(host)s”.")


class VMotionLinkDown(VMotionInterfaceIssue):
    template = _("The vMotion network adapter of host “%(host)s” has no link.")


class VMotionLinkCapacityLow(VMotionInterfaceIssue):
    template = _("The vMotion network of host “%(host)s” is slower than 250 Mbit/s per migration.")


class VMotionNotLicensed(VMotionInterfaceIssue):
    template = _(
        "The license of host “%(host)s” does not include vMotion. Assign it one that does (Actions > Assign License)."
    )


class NotEnoughLicenses(MethodFault):
    template = _(
        "“%(host)s” takes up %(needed)s CPU cores of a license (a CPU counts as 16 at least); “%(license)s” has "
        "%(free)s of %(capacity)s left. Choose another license, or give this one more cores."
    )


class CpuIncompatible(MigrationFault):
    template = _("The CPU of host “%(host)s” lacks features that “%(name)s” was started with. Use EVC or a newer host.")


class FeatureRequirementsNotMet(CpuIncompatible):
    pass


class EVCAdmissionFailed(MethodFault):
    template = _("The host “%(host)s” cannot join “%(cluster)s”: its CPU does not reach the EVC mode “%(mode)s”.")


class EVCAdmissionFailedVmActive(MethodFault):
    template = _("EVC mode “%(mode)s” cannot be set: “%(name)s” runs with CPU features above it. Power it off first.")


class VirtualHardwareVersionNotSupported(MigrationFault):
    template = _(
        "The host “%(host)s” does not support the hardware version of “%(name)s”. Choose an older compatibility, or a "
        "host with a newer hypervisor."
    )


class CannotAccessVmComponent(MigrationFault):
    template = _("The host “%(host)s” cannot reach a part of “%(name)s”: %(component)s")


class CannotAccessVmDisk(CannotAccessVmComponent):
    template = _(
        "The host “%(host)s” does not mount the datastore “%(datastore)s” of “%(name)s”. Mount it there, or choose a "
        "datastore that the host has."
    )


class CannotAccessNetwork(CannotAccessVmComponent):
    template = _(
        "The host “%(host)s” does not have the network “%(network)s” of “%(name)s”. Choose a network that the host "
        "has, or add this one to it."
    )


class CannotAccessVmDevice(CannotAccessVmComponent):
    template = _(
        "The host “%(host)s” does not mount the datastore “%(datastore)s”, from which the CD/DVD drive of “%(name)s” "
        "reads. Mount it there, or choose an image that the host reaches."
    )


class CannotAccessLocalSource(CannotAccessVmComponent):
    template = _("“%(name)s” uses a device that only its present host has: %(device)s")


class DisallowedMigrationDeviceAttached(MigrationFault):
    template = _("“%(name)s” has a device that prevents its migration: %(device)s. Remove it first.")


class RemoteDeviceNotSupported(MigrationFault):
    template = _("“%(name)s” uses a client device: %(device)s. Disconnect it first.")


class AffinityConfigured(MigrationFault):
    template = _("“%(name)s” is bound to processors of its host (CPU affinity). Clear the affinity first.")


class HotSnapshotMoveNotSupported(MigrationFault):
    template = _("“%(name)s” has snapshots that cannot move while it runs.")


class IndependentDiskVMotionNotSupported(MigrationFault):
    template = _("“%(name)s” has an independent non-persistent disk, which cannot move while it runs.")


class VmHostAffinityRuleViolation(MigrationFault):
    template = _("“%(name)s” may not run on host “%(host)s”: the rule “%(rule)s” requires otherwise.")


class RuleViolation(MigrationFault):
    template = _("The rule “%(rule)s” would be violated by “%(name)s” on host “%(host)s”.")


class DisallowedOperationOnFailoverHost(MigrationFault):
    template = _("The host “%(host)s” is reserved for failover and does not run virtual machines.")


class ToolsInstallationInProgress(MigrationFault):
    template = _("The tools installer is mounted in “%(name)s”.")


class DrsDisabledOnVm(MethodFault):
    template = _("DRS is disabled for “%(name)s”, so it is not moved. Change its VM override.")


class DrsRuleInvalid(MethodFault):
    template = _("The rule “%(rule)s” cannot be satisfied: %(reason)s")


class RuleConflict(MethodFault):
    template = _("The rule “%(rule)s” contradicts the rule “%(other)s”: %(reason)s")

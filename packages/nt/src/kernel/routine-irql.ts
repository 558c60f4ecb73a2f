// The highest IRQL at which a driver may call each routine of the kernel, after the line "IRQL" of its page in the driver kit's reference.
// Where that line leads to the remarks, what they say. Left out: routines for any level; those that are limited only because what the caller
// gives may be pageable (strings, bitmaps, tables); those that only answer a question, fill in what the caller owns, or raise an exception.
import { APC_LEVEL, DISPATCH_LEVEL, PASSIVE_LEVEL } from '../codes/irql.ts'

export interface RoutineIrql {
  readonly maxIrql: number
  /** It answers an NTSTATUS; others answer a pointer, a BOOLEAN or nothing. */
  readonly answersStatus: boolean
  /** The page that states the level. */
  readonly url: string
}

type Header = 'wdm' | 'ntddk' | 'ntifs'

const ROUTINES: readonly (readonly [
  maxIrql: number,
  header: Header,
  answersStatus: boolean,
  names: string,
])[] = [
  [
    PASSIVE_LEVEL,
    'ntddk',
    false,
    `ExUuidCreate HalExamineMBR IoAssignArcName IoCancelFileOpen
    IoCreateController IoDeassignArcName IoDeleteController IoGetFileObjectGenericMapping IoRegisterBootDriverCallback
    IoRegisterBootDriverReinitialization IoRegisterDriverReinitialization KeSetBasePriorityThread MmGetPhysicalMemoryRangesEx2
    PsGetParentSilo PsGetServerSiloActiveConsoleId PsGetSiloContainerId SeSinglePrivilegeCheck`,
  ],
  [
    PASSIVE_LEVEL,
    'ntddk',
    true,
    `HalAllocateHardwareCounters HalFreeHardwareCounters IoCreateFileEx IoCreateFileSpecifyDeviceObjectHint IoReadPartitionTable
    IoReadPartitionTableEx IoReportDetectedDevice IoReportResourceForDetection IoReportRootDevice IoSetPartitionInformation
    IoSetPartitionInformationEx IoSetSystemPartition IoVolumeDeviceToDosName IoWritePartitionTable IoWritePartitionTableEx
    PsSetCreateProcessNotifyRoutine PsSetCreateProcessNotifyRoutineEx PsSetCreateProcessNotifyRoutineEx2
    PsSetCreateThreadNotifyRoutine PsSetCreateThreadNotifyRoutineEx PsSetLoadImageNotifyRoutine PsSetLoadImageNotifyRoutineEx
    RtlQueryRegistryValueWithFallback ZwAllocateLocallyUniqueId ZwDeviceIoControlFile ZwOpenProcess ZwPowerInformation
    ZwQueryVolumeInformationFile ZwSetInformationThread ZwTerminateProcess`,
  ],
  [
    PASSIVE_LEVEL,
    'ntifs',
    false,
    `IoCheckFileObjectOpenedAsCopyDestination IoCheckFileObjectOpenedAsCopySource IoCreateStreamFileObjectEx
    IoCreateStreamFileObjectEx2 PsReferenceImpersonationToken PsReferencePrimaryToken PsRevertToSelf SeAuditingFileEvents
    SeAuditingFileOrGlobalEvents SeCaptureSubjectContextEx SeDeleteClientSecurity SeDeleteObjectAuditAlarm SeFreePrivileges
    SeOpenObjectAuditAlarm SeOpenObjectForDeleteAuditAlarm SePrivilegeCheck SeQuerySubjectContextToken
    SeSetAccessStateGenericMapping SeTokenIsAdmin SeTokenIsRestricted`,
  ],
  [
    PASSIVE_LEVEL,
    'ntifs',
    true,
    `IoQueryFileDosDeviceName IoReplaceFileObjectName MmPrefetchPages PsImpersonateClient SeAppendPrivileges
    SeCreateClientSecurity SeCreateClientSecurityFromSubjectContext SeImpersonateClientEx SeLocateProcessImageName
    SeMarkLogonSessionForTerminationNotification SeQueryAuthenticationIdToken SeQueryInformationToken
    SeQuerySecurityDescriptorInfo SeRegisterLogonSessionTerminatedRoutine SeSetSecurityDescriptorInfo
    SeSetSecurityDescriptorInfoEx SeUnregisterLogonSessionTerminatedRoutine ZwAllocateVirtualMemory ZwCreateEvent ZwDeleteFile
    ZwDuplicateObject ZwDuplicateToken ZwFlushBuffersFile ZwFlushBuffersFileEx ZwFlushVirtualMemory ZwFreeVirtualMemory
    ZwFsControlFile ZwLockFile ZwNotifyChangeKey ZwOpenDirectoryObject ZwOpenProcessTokenEx ZwOpenThreadTokenEx
    ZwQueryDirectoryFile ZwQueryDirectoryFileEx ZwQueryEaFile ZwQueryInformationToken ZwQueryObject ZwQueryQuotaInformationFile
    ZwQuerySecurityObject ZwSetEaFile ZwSetEvent ZwSetInformationToken ZwSetInformationVirtualMemory ZwSetQuotaInformationFile
    ZwSetSecurityObject ZwSetVolumeInformationFile ZwUnlockFile ZwWaitForSingleObject`,
  ],
  [
    PASSIVE_LEVEL,
    'wdm',
    false,
    `IoCreateNotificationEvent IoCreateSynchronizationEvent IoDetachDevice IoDisconnectInterrupt IoDisconnectInterruptEx
    IoGetDmaAdapter IoRemoveLinkShareAccess IoRemoveLinkShareAccessEx IoRemoveShareAccess IoSetShareAccess
    IoUnregisterShutdownNotification IoUpdateLinkShareAccess IoUpdateLinkShareAccessEx IoUpdateShareAccess
    KeDeregisterProcessorChangeCallback KeFlushQueuedDpcs KeRegisterProcessorChangeCallback KeSetPriorityThread
    PoFxStartDevicePowerManagement PoFxUnregisterDevice PsQueryTotalCycleTimeProcess SeAccessCheck SeCaptureSubjectContext
    SeLockSubjectContext SeReleaseSubjectContext SeUnlockSubjectContext SeValidSecurityDescriptor`,
  ],
  [
    PASSIVE_LEVEL,
    'wdm',
    true,
    `ExGetFirmwareEnvironmentVariable ExSetFirmwareEnvironmentVariable IoAttachDevice IoCheckShareAccess IoConnectInterrupt
    IoConnectInterruptEx IoCreateFile IoCreateSymbolicLink IoCreateSystemThread IoCreateUnprotectedSymbolicLink
    IoDeleteSymbolicLink IoGetDeviceDirectory IoGetDeviceInterfaceAlias IoGetDeviceInterfacePropertyData IoGetDeviceInterfaces
    IoGetDeviceNumaNode IoGetDeviceObjectPointer IoGetDeviceProperty IoGetDriverDirectory IoGetIommuInterface IoInitializeTimer
    IoOpenDeviceInterfaceRegistryKey IoOpenDeviceRegistryKey IoOpenDriverRegistryKey IoRegisterDeviceInterface
    IoRegisterLastChanceShutdownNotification IoRegisterPlugPlayNotification IoRegisterShutdownNotification
    IoReportTargetDeviceChange IoSetDeviceInterfaceState IoUnregisterPlugPlayNotification IoUnregisterPlugPlayNotificationEx
    IoWMIAllocateInstanceIds ObCloseHandle ObGetObjectSecurity ObReferenceObjectByHandle ObReferenceObjectByHandleWithTag
    PoFxRegisterCrashdumpDevice PoFxRegisterDevice PoFxSetTargetDripsDevicePowerState PoRegisterPowerSettingCallback
    PoUnregisterPowerSettingCallback PsCreateSystemThread PsTerminateSystemThread RtlCheckRegistryKey RtlCreateRegistryKey
    RtlDeleteRegistryValue RtlQueryRegistryValues RtlWriteRegistryValue SeAssignSecurity SeAssignSecurityEx SeDeassignSecurity
    ZwClose ZwCommitComplete ZwCommitEnlistment ZwCommitTransaction ZwCreateDirectoryObject ZwCreateEnlistment ZwCreateFile
    ZwCreateKey ZwCreateKeyTransacted ZwCreateResourceManager ZwCreateSection ZwCreateTransaction ZwCreateTransactionManager
    ZwDeleteKey ZwDeleteValueKey ZwEnumerateKey ZwEnumerateTransactionObject ZwEnumerateValueKey ZwFlushKey
    ZwGetNotificationResourceManager ZwLoadDriver ZwMakeTemporaryObject ZwMapViewOfSection ZwOpenEnlistment ZwOpenEvent
    ZwOpenFile ZwOpenKey ZwOpenKeyEx ZwOpenKeyTransacted ZwOpenKeyTransactedEx ZwOpenResourceManager ZwOpenSection
    ZwOpenSymbolicLinkObject ZwOpenTransaction ZwOpenTransactionManager ZwPrePrepareComplete ZwPrePrepareEnlistment
    ZwPrepareComplete ZwPrepareEnlistment ZwQueryFullAttributesFile ZwQueryInformationByName ZwQueryInformationEnlistment
    ZwQueryInformationFile ZwQueryInformationResourceManager ZwQueryInformationTransaction ZwQueryInformationTransactionManager
    ZwQueryKey ZwQuerySymbolicLinkObject ZwQueryValueKey ZwReadFile ZwReadOnlyEnlistment ZwRecoverEnlistment
    ZwRecoverResourceManager ZwRecoverTransactionManager ZwRollbackComplete ZwRollbackEnlistment ZwRollbackTransaction
    ZwRollforwardTransactionManager ZwSetInformationEnlistment ZwSetInformationFile ZwSetInformationTransaction ZwSetValueKey
    ZwSinglePhaseReject ZwUnloadDriver ZwUnmapViewOfSection ZwWriteFile`,
  ],
  [
    APC_LEVEL,
    'ntddk',
    false,
    `IoRaiseHardError IoRaiseInformationalHardError IoUnregisterBootDriverCallback KeExpandKernelStackAndCallout
    MmAddPhysicalMemory MmAllocateNonCachedMemory MmFreeNonCachedMemory MmLockPagableSectionByHandle MmMapViewInSystemSpace
    MmSecureVirtualMemory MmSecureVirtualMemoryEx MmUnmapViewInSystemSpace MmUnsecureVirtualMemory PsGetProcessExitStatus`,
  ],
  [
    APC_LEVEL,
    'ntddk',
    true,
    `IoQueryFullDriverPath IoVerifyPartitionTable KeSetHardwareCounterConfiguration MmCopyMemory PsGetThreadExitStatus
    PsRemoveCreateThreadNotifyRoutine PsRemoveLoadImageNotifyRoutine`,
  ],
  [
    APC_LEVEL,
    'ntifs',
    false,
    `IoCreateStreamFileObjectLite IoRegisterFileSystem IoUnregisterFileSystem IoUnregisterFsRegistrationChange
    KeSetKernelStackSwapEnable KeStackAttachProcess KeUnstackDetachProcess MmCanFileBeTruncated
    MmDoesFileHaveUserWritableReferences MmFlushImageSection MmForceSectionClosed MmGetMaximumFileSectionSize PsChargePoolQuota
    PsDereferenceImpersonationToken PsDereferencePrimaryToken PsReturnPoolQuota`,
  ],
  [
    APC_LEVEL,
    'ntifs',
    true,
    `IoCheckEaBufferValidity IoCheckQuotaBufferValidity IoEnumerateRegisteredFiltersList IoGetRequestorSessionId
    IoRegisterFsRegistrationChange IoRegisterFsRegistrationChangeEx IoRegisterFsRegistrationChangeMountAware IoVerifyVolume
    ObOpenObjectByPointer ObQueryNameString PsLookupProcessByProcessId PsLookupThreadByThreadId SeFilterToken`,
  ],
  [
    APC_LEVEL,
    'wdm',
    false,
    `CmCallbackReleaseKeyObjectIDEx CmGetBoundTransaction CmGetCallbackVersion ExAcquireFastMutex ExAcquireFastMutexUnsafe
    ExAcquireResourceExclusiveLite ExAcquireResourceSharedLite ExAcquireSharedStarveExclusive ExAcquireSharedWaitForExclusive
    ExAllocateCacheAwareRundownProtection ExConvertExclusiveToSharedLite ExDeletePagedLookasideList
    ExEnterCriticalRegionAndAcquireResourceExclusive ExFreeCacheAwareRundownProtection ExInitializePagedLookasideList
    ExInitializeRundownProtectionCacheAware ExInitializeRundownProtectionCacheAwareEx
    ExReInitializeRundownProtection ExRegisterCallback ExReleaseFastMutex ExReleaseFastMutexUnsafe
    ExReleaseResourceAndLeaveCriticalRegion ExRundownCompleted ExSetTimerResolution ExSizeOfRundownProtectionCacheAware
    ExTryToAcquireFastMutex ExUnregisterCallback ExWaitForRundownProtectionRelease IoBuildAsynchronousFsdRequest
    IoBuildDeviceIoControlRequest IoBuildSynchronousFsdRequest IoDeleteDevice IoForwardIrpSynchronously
    IoUnregisterContainerNotification KeAcquireGuardedMutex KeAcquireGuardedMutexUnsafe KeEnterCriticalRegion
    KeEnterGuardedRegion KeLeaveCriticalRegion KeLeaveGuardedRegion KeRegisterNmiCallback KeReleaseGuardedMutex
    KeReleaseGuardedMutexUnsafe KeTryToAcquireGuardedMutex MmAllocateMappingAddress MmAllocateMappingAddressEx
    MmAllocatePagesForMdl MmAllocatePagesForMdlEx MmFreeMappingAddress MmFreePagesFromMdl MmLockPagableCodeSection
    MmLockPagableDataSection MmPageEntireDriver MmProbeAndLockSelectedPages MmResetDriverPaging MmUnlockPagableImageSection
    ObReleaseObjectSecurity ObUnRegisterCallbacks PoDeletePowerRequest PoRegisterDeviceForIdleDetection PoRegisterSystemState
    PoUnregisterSystemState`,
  ],
  [
    APC_LEVEL,
    'wdm',
    true,
    `CmCallbackGetKeyObjectID CmCallbackGetKeyObjectIDEx CmRegisterCallback CmRegisterCallbackEx CmSetCallbackObjectContext
    CmUnRegisterCallback ExCreateCallback ExDeleteResourceLite IoCreateDevice IoGetBootDiskInformation IoGetContainerInformation
    IoGetDevicePropertyData IoRegisterContainerNotification IoSetDeviceInterfacePropertyData IoSetDevicePropertyData
    IoWMIDeviceObjectToInstanceName IoWMIExecuteMethod IoWMIHandleToInstanceName IoWMIOpenBlock IoWMIQueryAllData
    IoWMIQueryAllDataMultiple IoWMIQuerySingleInstance IoWMIQuerySingleInstanceMultiple IoWMISetNotificationCallback
    IoWMISetSingleInstance IoWMISetSingleItem IoWMISuggestInstanceName IoWMIWriteEvent KeDelayExecutionThread
    KeDeregisterNmiCallback KeWaitForMultipleObjects KeWaitForSingleObject MmProtectDriverSection ObRegisterCallbacks
    PoCreatePowerRequest PoFxRegisterComponentPerfStates`,
  ],
  [
    DISPATCH_LEVEL,
    'ntddk',
    false,
    `IoGetInitiatorProcess IoGetOplockKeyContext IoGetOplockKeyContextEx IoMakeAssociatedIrp IoSetHardErrorOrVerifyDevice
    IoSetThreadHardErrorMode KeInvalidateAllCaches KeInvalidateRangeAllCaches KePulseEvent PsDereferenceSiloContext
    PsGetCurrentServerSilo PsGetCurrentSilo PsGetProcessStartKey PsGetThreadServerSilo PsReferenceSiloContext`,
  ],
  [DISPATCH_LEVEL, 'ntddk', true, `IoAttachDeviceToDeviceStackSafe`],
  [
    DISPATCH_LEVEL,
    'ntifs',
    false,
    `IoAcquireVpbSpinLock IoCreateStreamFileObject IoGetAttachedDevice IoGetDeviceAttachmentBaseRef IoGetDeviceToVerify
    IoGetLowerDeviceObject IoInitializePriorityInfo IoReleaseVpbSpinLock IoSetDeviceToVerify KeInsertHeadQueue KeInsertQueue
    KeRemoveQueue KeRundownQueue MmIsRecursiveIoFault PoSetPowerState PsGetProcessExitTime PsIsThreadTerminating
    PsUpdateDiskCounters`,
  ],
  [DISPATCH_LEVEL, 'ntifs', true, `IoEnumerateDeviceObjectList IoGetDiskDeviceObject PoCallDriver`],
  [
    DISPATCH_LEVEL,
    'wdm',
    false,
    `ExAcquireRundownProtection ExAcquireRundownProtectionEx ExAcquireSpinLockExclusive ExAcquireSpinLockShared ExAllocatePool
    ExAllocatePool2 ExAllocatePool3 ExAllocatePoolWithQuota ExAllocatePoolWithQuotaTag ExAllocatePoolWithTag
    ExAllocatePoolWithTagPriority ExCancelTimer ExDeleteLookasideListEx ExDeleteNPagedLookasideList ExDeleteTimer
    ExFlushLookasideListEx ExFreePool ExFreePoolWithTag ExGetExclusiveWaiterCount ExGetSharedWaiterCount
    ExInitializeNPagedLookasideList ExIsResourceAcquiredExclusiveLite ExIsResourceAcquiredSharedLite ExNotifyCallback
    ExQueueWorkItem ExReleaseResourceForThreadLite ExReleaseResourceLite ExReleaseRundownProtection ExReleaseRundownProtectionEx
    ExReleaseSpinLockExclusive ExReleaseSpinLockShared ExSetResourceOwnerPointer ExSetResourceOwnerPointerEx ExSetTimer
    ExTryConvertSharedSpinLockExclusive IoAcquireCancelSpinLock IoAllocateErrorLogEntry IoAllocateIrp IoAllocateIrpEx
    IoAllocateMdl IoAllocateWorkItem IoAttachDeviceToDeviceStack IoBuildPartialMdl IoCancelIrp IoCsqInsertIrp IoCsqRemoveIrp
    IoCsqRemoveNextIrp IoFreeIrp IoFreeMdl IoFreeWorkItem IoGetAttachedDeviceReference IoGetDriverObjectExtension
    IoGetRelatedDeviceObject IoInvalidateDeviceRelations IoInvalidateDeviceState IoQueueWorkItem IoQueueWorkItemEx
    IoReleaseCancelSpinLock IoReportInterruptActive IoReportInterruptInactive IoRequestDeviceEject IoReuseIrp IoSetTopLevelIrp
    IoStartNextPacket IoStartNextPacketByKey IoStartPacket IoStartTimer IoStopTimer IoWMIDeviceObjectToProviderId
    IoWriteErrorLogEntry IofCompleteRequest KeCancelTimer KeClearEvent KeFlushIoBuffers KeInitializeTimer KeInitializeTimerEx
    KeInsertByKeyDeviceQueue KeInsertDeviceQueue KeReleaseMutex KeReleaseSemaphore KeRemoveByKeyDeviceQueue KeRemoveDeviceQueue
    KeRemoveEntryDeviceQueue KeResetEvent KeRestoreExtendedProcessorState KeRevertToUserAffinityThreadEx
    KeRevertToUserGroupAffinityThread KeSetCoalescableTimer KeSetEvent KeSetSystemAffinityThread KeSetSystemAffinityThreadEx
    KeSetSystemGroupAffinityThread KeSetTimer KeSetTimerEx MmAllocateContiguousMemory MmAllocateContiguousMemorySpecifyCache
    MmAllocateContiguousMemorySpecifyCacheNode MmAllocateContiguousNodeMemory MmAllocateNodePagesForMdlEx
    MmBuildMdlForNonPagedPool MmFreeContiguousMemory MmFreeContiguousMemorySpecifyCache MmMapIoSpace MmMapIoSpaceEx
    MmMapLockedPages MmMapLockedPagesSpecifyCache MmMapLockedPagesWithReservedMapping MmProbeAndLockPages MmUnlockPages
    MmUnmapIoSpace MmUnmapLockedPages MmUnmapReservedMapping ObDereferenceObjectDeferDelete
    ObDereferenceObjectDeferDeleteWithTag ObReferenceObjectSafe ObfDereferenceObject ObfDereferenceObjectWithTag
    ObfReferenceObject ObfReferenceObjectWithTag PoFxActivateComponent PoFxCompleteDevicePowerNotRequired
    PoFxCompleteDirectedPowerDown PoFxCompleteIdleCondition PoFxCompleteIdleState PoFxIdleComponent
    PoFxIssueComponentPerfStateChange PoFxIssueComponentPerfStateChangeMultiple PoFxNotifySurprisePowerOn
    PoFxReportDevicePoweredOn PoFxSetComponentLatency PoFxSetComponentResidency PoFxSetComponentWake PoFxSetDeviceIdleTimeout
    PoGetSystemWake PoQueryWatchdogTime PoSetSystemState PoSetSystemWake PoStartNextPowerIrp`,
  ],
  [
    DISPATCH_LEVEL,
    'wdm',
    true,
    `ExInitializeLookasideListEx ExInitializeResourceLite ExReinitializeResourceLite IoAllocateDriverObjectExtension
    IoCsqInsertIrpEx IoReportTargetDeviceChangeAsynchronous IoSetCompletionRoutineEx IofCallDriver KeRestoreFloatingPointState
    KeSaveExtendedProcessorState KeSaveFloatingPointState MmAdvanceMdl MmAllocateContiguousMemoryEx MmAllocateMdlForIoSpace
    MmMapMdl MmProtectMdlSystemAddress ObReferenceObjectByPointer ObReferenceObjectByPointerWithTag PoClearPowerRequest
    PoFxPowerControl PoFxQueryCurrentComponentPerfState PoRequestPowerIrp PoSetPowerRequest`,
  ],
]

export const ROUTINE_PAGES = 'https://learn.microsoft.com/windows-hardware/drivers/ddi'

export const ROUTINE_IRQL: ReadonlyMap<string, RoutineIrql> = new Map(
  ROUTINES.flatMap(([maxIrql, header, answersStatus, names]) =>
    names
      .split(/\s+/)
      .map((name) => [
        name,
        { maxIrql, answersStatus, url: `${ROUTINE_PAGES}/${header}/nf-${header}-${name.toLowerCase()}` },
      ]),
  ),
)

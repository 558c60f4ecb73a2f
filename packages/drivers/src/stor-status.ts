// Return values of the StorPort support routines that are not NTSTATUS (storport.h).
export const STOR_STATUS_SUCCESS = 0x00000000
export const STOR_STATUS_UNSUCCESSFUL = 0xc1000001
export const STOR_STATUS_NOT_IMPLEMENTED = 0xc1000002
export const STOR_STATUS_INSUFFICIENT_RESOURCES = 0xc1000003
export const STOR_STATUS_INVALID_PARAMETER = 0xc1000006
export const STOR_STATUS_BUSY = 0xc100000c

// What no Windows exceeds.

/** Microsoft, "Compare memory and processor limits of Windows Server": 2048 logical processors in Windows Server 2025. */
export const MAX_PROCESSORS = 2048

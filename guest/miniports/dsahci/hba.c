// The HBA and its port: taking them over, starting them, restarting them after an error. AHCI 1.3.1, sections 10.1.2, 10.3,
// 10.4 and 6.2.2. Every wait is a bounded loop of stalls: dump mode has no other clock.
#include "dsahci.h"

#define HBA_RESET_MS 1000 // 10.4.3
#define ENGINE_STOP_MS 500 // 10.1.2
#define LINK_MS 1000
#define DUMP_EXTRA_LINK_MS 300 // after a reset under load an HBA needs longer to find its disk
#define DEVICE_READY_MS 10000

static void Delay(ULONG Milliseconds) {
#if BUG == 20
    // B20: waits for the system clock, which does not advance once the system has stopped.
    LARGE_INTEGER start, now;
    StorPortQuerySystemTime(&start);
    do StorPortQuerySystemTime(&now);
    while (now.QuadPart - start.QuadPart < (LONG64)Milliseconds * 10000);
#else
    while (Milliseconds-- > 0) StorPortStallExecution(1000);
#endif
}

/** TRUE once all `Bits` of a port register are 0. */
static BOOLEAN WaitClear(ADAPTER *Adapter, ULONG Register, ULONG Bits, ULONG Milliseconds) {
    for (ULONG ms = 0; ms <= Milliseconds; ms++) {
        if ((ReadPort(Adapter, Register) & Bits) == 0) return TRUE;
        Delay(1);
    }
    return FALSE;
}

static BOOLEAN WaitLink(ADAPTER *Adapter, ULONG Milliseconds) {
    for (ULONG ms = 0; ms <= Milliseconds; ms++) {
        if (SSTS_DET(ReadPort(Adapter, PxSSTS)) == DET_ESTABLISHED) return TRUE;
        Delay(1);
    }
    return FALSE;
}

/**
 * An HBA that is enabled was started by firmware or, in dump mode, by the instance that stopped with the system: it still runs
 * commands and reads their list. Only a reset ends that.
 */
BOOLEAN AhciTakeHba(ADAPTER *Adapter) {
    volatile UCHAR *ghc = Adapter->Hba + AHCI_GHC;
    if ((StorPortReadRegisterUlong(ghc) & GHC_AE) != 0) {
        StorPortWriteRegisterUlong(ghc, GHC_AE | GHC_HR);
        for (ULONG ms = 0; (StorPortReadRegisterUlong(ghc) & GHC_HR) != 0; ms++) {
            if (ms == HBA_RESET_MS) return FALSE;
            Delay(1);
        }
    }
    StorPortWriteRegisterUlong(ghc, GHC_AE); // before any other register (3.1.2)
    Adapter->Capabilities = StorPortReadRegisterUlong(Adapter->Hba + AHCI_CAP);
    return TRUE;
}

static void SelectPort(ADAPTER *Adapter, ULONG Port) {
    Adapter->Port = Port;
    Adapter->PortRegisters = Adapter->Hba + AHCI_PORT(Port);
}

/** Returns the port that the running instance named, if there is a `Context`; otherwise the first one with a link. */
BOOLEAN AhciFindPort(ADAPTER *Adapter, const DUMP_CONTEXT *Context) {
    ULONG implemented = StorPortReadRegisterUlong(Adapter->Hba + AHCI_PI);
    if (Context != NULL) {
        if (Context->Signature != DUMP_CONTEXT_SIGNATURE || Context->Port >= 32) return FALSE;
        SelectPort(Adapter, Context->Port);
        return (implemented >> Context->Port & 1) != 0;
    }
    for (ULONG ms = 0; ms <= LINK_MS + DUMP_EXTRA_LINK_MS; ms++) {
        for (ULONG port = 0; port < 32; port++) {
            if ((implemented >> port & 1) == 0) continue;
            SelectPort(Adapter, port);
            if (SSTS_DET(ReadPort(Adapter, PxSSTS)) == DET_ESTABLISHED) return TRUE;
        }
        Delay(1);
    }
    return FALSE;
}

/** Stops the command engine, then the FIS engine (10.3.2, 10.1.2). */
static BOOLEAN StopEngines(ADAPTER *Adapter) {
    WritePort(Adapter, PxCMD, ReadPort(Adapter, PxCMD) & ~PxCMD_ST);
    if (!WaitClear(Adapter, PxCMD, PxCMD_CR, ENGINE_STOP_MS)) return FALSE;
    WritePort(Adapter, PxCMD, ReadPort(Adapter, PxCMD) & ~PxCMD_FRE);
    return WaitClear(Adapter, PxCMD, PxCMD_FR, ENGINE_STOP_MS);
}

/** Sets the addresses of command list and received FISes. A reset does not change these registers: both halves are always written. */
static void SetAddresses(ADAPTER *Adapter) {
    ULONG64 list = Adapter->SharedAddress + offsetof(SHARED_MEMORY, CommandList);
    ULONG64 received = Adapter->SharedAddress + offsetof(SHARED_MEMORY, ReceivedFis);
#if BUG == 15
    if (Adapter->DumpMode) {
        // B15: writes 16 bits of a 32-bit register; the others keep the address of the earlier instance.
        StorPortWriteRegisterUshort(Adapter->PortRegisters + PxCLB, (USHORT)list);
        StorPortWriteRegisterUshort(Adapter->PortRegisters + PxFB, (USHORT)received);
        return;
    }
#endif
    WritePort(Adapter, PxCLB, (ULONG)list);
    WritePort(Adapter, PxCLBU, (ULONG)(list >> 32));
    WritePort(Adapter, PxFB, (ULONG)received);
    WritePort(Adapter, PxFBU, (ULONG)(received >> 32));
}

/** COMRESET (10.4.2); the command engine must have stopped. */
static void ResetLink(ADAPTER *Adapter) {
    ULONG control = ReadPort(Adapter, PxSCTL) & ~0xFu;
    WritePort(Adapter, PxSCTL, control | DET_COMRESET);
    Delay(1);
    WritePort(Adapter, PxSCTL, control);
}

/** The link is up: waits until the disk is ready and starts the command engine. */
static BOOLEAN StartEngine(ADAPTER *Adapter) {
    WritePort(Adapter, PxSERR, ~0u);
    if (!WaitClear(Adapter, PxTFD, TFD_BSY | TFD_DRQ, DEVICE_READY_MS)) return FALSE;
    WritePort(Adapter, PxIS, ~0u);
    WritePort(Adapter, PxCMD, ReadPort(Adapter, PxCMD) | PxCMD_ST);
    return TRUE;
}

static ULONG LinkPatience(ADAPTER *Adapter) { return Adapter->DumpMode ? LINK_MS + DUMP_EXTRA_LINK_MS : LINK_MS; }

/** Brings the port from any state to one in which the disk has answered IDENTIFY DEVICE. */
BOOLEAN AhciStartPort(ADAPTER *Adapter) {
    WritePort(Adapter, PxIE, 0);
    if (!StopEngines(Adapter)) return FALSE;
    SetAddresses(Adapter);
    WritePort(Adapter, PxSERR, ~0u);
    WritePort(Adapter, PxIS, ~0u);
    WritePort(Adapter, PxCMD, ReadPort(Adapter, PxCMD) | PxCMD_FRE | PxCMD_SUD | PxCMD_POD);
    if (!WaitLink(Adapter, LinkPatience(Adapter))) {
        ResetLink(Adapter);
        if (!WaitLink(Adapter, LinkPatience(Adapter))) return FALSE;
    }
    if (!StartEngine(Adapter) || !AhciIdentify(Adapter)) return FALSE;
    WritePort(Adapter, PxIS, ~0u);
    StorPortWriteRegisterUlong(Adapter->Hba + AHCI_IS, 1u << Adapter->Port);
    Adapter->Ready = TRUE;
    if (Adapter->DumpMode) return TRUE; // polled: PxIS needs no PxIE
    WritePort(Adapter, PxIE, PORT_INTERRUPTS);
    StorPortWriteRegisterUlong(Adapter->Hba + AHCI_GHC, GHC_AE | GHC_IE);
    return TRUE;
}

/** After an error the command list has stopped (6.2.2); restarting it discards the commands that were issued. */
BOOLEAN AhciRecoverPort(ADAPTER *Adapter) {
    ULONG enabled = ReadPort(Adapter, PxIE);
    WritePort(Adapter, PxIE, 0);
    WritePort(Adapter, PxCMD, ReadPort(Adapter, PxCMD) & ~PxCMD_ST);
    if (!WaitClear(Adapter, PxCMD, PxCMD_CR, ENGINE_STOP_MS)) return FALSE;
    if ((ReadPort(Adapter, PxTFD) & (TFD_BSY | TFD_DRQ)) != 0 && (Adapter->Capabilities & CAP_SCLO) != 0) {
        WritePort(Adapter, PxCMD, ReadPort(Adapter, PxCMD) | PxCMD_CLO);
        WaitClear(Adapter, PxCMD, PxCMD_CLO, ENGINE_STOP_MS);
    }
    ResetLink(Adapter); // empties the queue of the disk too
    Adapter->Ready = WaitLink(Adapter, LinkPatience(Adapter)) && StartEngine(Adapter);
    WritePort(Adapter, PxIE, enabled);
    return Adapter->Ready;
}

// The modules of Windows that export to kernel drivers, by the names that import tables use: the kernel and the HAL, ports, class drivers
// and libraries (driver kit: "Library" of each routine's page, and what import tables of published drivers name). A driver that needs
// another one does not load where that one is not installed, and nothing installs it here.

/** In lower case. */
const MODULES: ReadonlySet<string> = new Set(
  `ntoskrnl.exe hal.dll bootvid.dll kdcom.dll kdnet.dll ci.dll pshed.dll clfs.sys tm.sys ntosext.sys werkernel.sys msrpc.sys
  storport.sys scsiport.sys ataport.sys pciidex.sys classpnp.sys wmilib.sys mpio.sys iscsiprt.sys dumpstorport.sys diskdump.sys dumpata.sys
  wpprecorder.sys cng.sys ksecdd.sys ksecpkg.sys wdfldr.sys wdf01000.sys fltmgr.sys fileinfo.sys
  ndis.sys netio.sys tdi.sys fwpkclnt.sys fwpsclnt.sys rdbss.sys mup.sys msnetmon.sys
  usbd.sys usbport.sys hidparse.sys hidclass.sys ucx01000.sys udecx.sys sdbus.sys sdport.sys spbcx.sys gpioclx.sys msgpioclx.sys sercx.sys
  sercx2.sys ufxclass.sys battc.sys smclib.sys bthport.sys cmbatt.sys
  ks.sys portcls.sys drmk.sys stream.sys videoprt.sys dxapi.sys dxgkrnl.sys dxgmms2.sys watchdog.sys win32k.sys
  vmbkmcl.sys vmbkmclr.sys vmstorfl.sys winhv.sys winhvr.sys hvsocket.sys sleepstudyhelper.sys pcw.sys`.split(
    /\s+/,
  ),
)
/** Names that the loader redirects (API sets). */
const API_SETS = ['api-ms-win-', 'ext-ms-win-']

export function isKernelModule(name: string): boolean {
  const lower = name.toLowerCase()
  return MODULES.has(lower) || API_SETS.some((prefix) => lower.startsWith(prefix))
}

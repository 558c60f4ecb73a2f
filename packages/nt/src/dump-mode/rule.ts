// What is known of one rule of dump mode. Reports, SARIF, docs/dump-mode-rules.md and docs/rules are
// made from these rows, so that each text stands once.

/** A public document, header or driver that states the rule, or in which its absence was seen. */
export interface RuleSource {
  readonly title: string
  readonly url: string
}

/** Texts are Markdown without links; code is in back quotes. */
export interface RuleText {
  /** What a driver has to do, as one sentence. */
  readonly title: string
  readonly why: string
  readonly howToFix: string
  /** What the dump stack of this project does where the rule is broken. */
  readonly answer: string
  readonly sources: readonly RuleSource[]
  /** C in the manner of the driver kit: what breaks the rule, and the same as it keeps it. */
  readonly example: { readonly breaks: string; readonly keeps: string }
}

const LEARN = 'https://learn.microsoft.com/windows-hardware/drivers'
const SAMPLES = 'https://github.com/microsoft/Windows-driver-samples/tree/main/storage/miniports'
const VIRTIO = 'https://github.com/virtio-win/kvm-guest-drivers-windows'

export const BOOT_DRIVE: RuleSource = {
  title: 'Restrictions on Miniport Drivers that Manage the Boot Drive',
  url: `${LEARN}/storage/restrictions-on-miniport-drivers-that-manage-the-boot-drive`,
}
export const BUGCHECK_CALLBACK: RuleSource = {
  title: 'Writing a Bug Check Callback Routine',
  url: `${LEARN}/kernel/writing-a-bug-check-callback-routine`,
}
export const CRASHDUMP_TEST: RuleSource = {
  title: 'Crashdump Support Test (HLK)',
  url: 'https://learn.microsoft.com/windows-hardware/test/hlk/testref/76232429-4aad-4afb-8825-5c78d93765eb',
}
export const WINDOWS_INTERNALS: RuleSource = {
  title: 'Windows Internals, sixth edition, part 2, chapter 14: crash dump generation',
  url: 'https://learn.microsoft.com/sysinternals/resources/windows-internals',
}
export const DUMP_FILTERS: RuleSource = {
  title: 'ntdddump.h: Dump_Write',
  url: `${LEARN}/ddi/ntdddump/`,
}
export const AHCI: RuleSource = {
  title: 'Serial ATA AHCI 1.3.1',
  url: 'https://www.intel.com/content/www/us/en/io/serial-ata/serial-ata-ahci-spec-rev1-3-1.html',
}
export const VIRTIO_SPECIFICATION: RuleSource = {
  title: 'Virtual I/O Device (VIRTIO) 1.2',
  url: 'https://docs.oasis-open.org/virtio/virtio/v1.2/virtio-v1.2.html',
}
export const PAGING: RuleSource = {
  title: "Intel 64 and IA-32 Architectures Software Developer's Manual, volume 3, chapter 4",
  url: 'https://www.intel.com/sdm',
}
export const PAGEABLE_CODE: RuleSource = {
  title: 'Restrictions on Pageable Code in Storage Drivers',
  url: 'https://learn.microsoft.com/windows-hardware/drivers/storage/restrictions-on-pageable-code-in-storage-drivers',
}
export const STORPORT_SPINLOCK_RULE: RuleSource = {
  title: 'StorPortSpinLock rule (storport)',
  url: 'https://learn.microsoft.com/windows-hardware/drivers/devtest/storport-storportspinlock',
}
export const NVMEWIN: RuleSource = {
  title: 'nvmewin, the NVMe driver of the OpenFabrics Alliance',
  url: 'https://github.com/csm10495/nvmewin',
}

/** A routine of storport.h, by its page: `nf-storport-storportallocatepool`. */
export const storport = (name: string, page: string): RuleSource => ({
  title: `storport.h: ${name}`,
  url: `${LEARN}/ddi/storport/${page}`,
})

/** The same of srb.h. */
export const srb = (name: string, page: string): RuleSource => ({
  title: `srb.h: ${name}`,
  url: `${LEARN}/ddi/srb/${page}`,
})

export const sample = (name: 'storahci' | 'lsi_u3'): RuleSource => ({
  title: `${name}, a sample of the driver kit`,
  url: `${SAMPLES}/${name}`,
})

/** A commit, issue or pull request of the virtio drivers: `issues/809`. */
export const virtioWin = (what: string, path: string): RuleSource => ({
  title: `virtio-win: ${what}`,
  url: `${VIRTIO}/${path}`,
})

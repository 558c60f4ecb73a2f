export * from './ahci.ts'
export * from './ata.ts'
export * from './pci.ts'
export * from './scsi.ts'

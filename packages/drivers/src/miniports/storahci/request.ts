// One SRB as storahci sees it, with the command table in its extension.
import type { GuestBlock } from '../../miniport.ts'
import { ScsiRequest } from '../disk/scsi-request.ts'
import { CommandTable } from './ata-command.ts'

export class AhciRequest extends ScsiRequest {
  readonly table: CommandTable

  constructor(block: GuestBlock, extension: GuestBlock) {
    super(block)
    this.table = new CommandTable(extension)
  }
}

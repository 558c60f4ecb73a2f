// Interrupt messages for miniports, extended functions 11 to 13: what a message is, and the lock that its routine runs under.
import { gva } from '@dumpstack/bytes'
import { DEVICE_LEVEL } from '../../irql.ts'
import {
  STOR_STATUS_INVALID_PARAMETER,
  STOR_STATUS_NOT_IMPLEMENTED,
  STOR_STATUS_SUCCESS,
} from '../../stor-status.ts'
import type { ExtendedFunctions } from '../extended-function.ts'
import { acquireLock, messageLock, releaseLock } from './locks.ts'

/** KINTERRUPT_MODE */
const LATCHED = 1

export const MESSAGE_FUNCTIONS: ExtendedFunctions = {
  // (MessageId, *OldIrql)
  AcquireMSISpinLock: (call) => {
    call.memory.setU32(call.va(3), acquireLock(call, 'message', messageLock(call.u32(2))))
    return STOR_STATUS_SUCCESS
  },
  // (MessageId, OldIrql)
  ReleaseMSISpinLock: (call) => {
    releaseLock(call, messageLock(call.u32(2)))
    return STOR_STATUS_SUCCESS
  },
  // (MessageId, *MESSAGE_INTERRUPT_INFORMATION): MessageId, MessageData, MessageAddress, InterruptVector, InterruptLevel, InterruptMode
  GetMessageInterruptInformation: (call) => {
    const { instance, memory, port } = call
    const message = port.getMessageInterruptInformation(instance.blockAt(call.va(1)), call.u32(2))
    if (message === null) {
      return instance.life === 'dump' ? STOR_STATUS_NOT_IMPLEMENTED : STOR_STATUS_INVALID_PARAMETER
    }
    const to = call.va(3)
    memory.setU32(to, message.messageId)
    memory.setU32(gva(to + 0x4n), message.data)
    memory.setU64(gva(to + 0x8n), BigInt(message.address))
    memory.setU32(gva(to + 0x10n), message.vector)
    memory.setU32(gva(to + 0x14n), DEVICE_LEVEL)
    memory.setU32(gva(to + 0x18n), LATCHED)
    return STOR_STATUS_SUCCESS
  },
}

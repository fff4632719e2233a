import { AtomicAccess } from '../impl/muen/kernel-context.ts';
import { activeSubject, currentMajorFrame, currentMinorFrame, earliestTimer, timeoutHigh, timeoutLow } from '../impl/muen/scheduling-state.ts';
import { NONE } from '../impl/muen/tables.ts';
import { Vmcs, vmcsWord } from '../impl/vmx/vmcs.ts';
import { frameOf, hpa, PAGE_SIZE_BYTES } from '../units/address.ts';
import { highWord, lessOrEqual64, lowWord } from '../units/word.ts';

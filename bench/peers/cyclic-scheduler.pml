/*
 * Promela twin of src/model/cyclic-scheduler.ts: same states, same transitions.
 * Parameters: EVENTS, DEPTH (channels), BOXES (0 or 24), MESSAGES; a part with parameter 0 is left out.
 * Each option is one d_step, so that the only control state is the head of the loop.
 */
byte minor[2], tick[2];
bit major, next;
bit waits[2];
#if EVENTS > 0
byte pending;
#endif
#if DEPTH > 0
byte channel[2];
#endif
#if BOXES > 0
byte box[BOXES] = { MESSAGES, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
#endif

#define LAST(c) (minor[c] == 3 && tick[c] == 3)
#define BITOF(c) (1 << (minor[c] % EVENTS))

#define TICK(c, d) \
  :: d_step { !waits[c] && !LAST(c) -> if :: tick[c] < 3 -> tick[c]++ :: else -> tick[c] = 0; minor[c]++ fi } \
  :: d_step { !waits[c] && LAST(c) && !waits[d] -> waits[c] = 1 } \
  :: d_step { !waits[c] && LAST(c) && waits[d] -> \
       waits[d] = 0; major = next; minor[0] = 0; tick[0] = 0; minor[1] = 0; tick[1] = 0 }

#define EVENT(c) \
  :: d_step { !waits[c] && (pending & BITOF(c)) == 0 -> pending = pending | BITOF(c) } \
  :: d_step { !waits[c] && (pending & BITOF(c)) != 0 -> pending = pending & ~BITOF(c) }

#define CHANNEL(c, d) \
  :: d_step { !waits[c] && channel[c] < DEPTH -> channel[c]++ } \
  :: d_step { !waits[c] && channel[d] > 0 -> channel[d]-- }

#define FORWARD(c, b) \
  :: d_step { !waits[c] && minor[c] == ((b) / 2) % 4 && box[b] > 0 && box[((b) + 1) % BOXES] < 7 -> \
       box[b]--; box[((b) + 1) % BOXES]++ }

#define FORWARD2(b) FORWARD(0, b) FORWARD(1, (b) + 1)
#define FORWARD8(b) FORWARD2(b) FORWARD2((b) + 2) FORWARD2((b) + 4) FORWARD2((b) + 6)

active proctype scheduler() {
  do
  TICK(0, 1)
  TICK(1, 0)
  :: d_step { !waits[0] && minor[0] == 1 -> next = 0 }
  :: d_step { !waits[0] && minor[0] == 1 -> next = 1 }
#if EVENTS > 0
  EVENT(0)
  EVENT(1)
#endif
#if DEPTH > 0
  CHANNEL(0, 1)
  CHANNEL(1, 0)
#endif
#if BOXES > 0
  FORWARD8(0)
  FORWARD8(8)
  FORWARD8(16)
#endif
  od
}

/* Invalidation beside writers, undo and readers, for spin.
 *
 * Two versions: SRC is there, bound to its key, and may be in the trash; NEW is made from it by a step that
 * has read it already. Every access to an array below is one request, so one atomic step.
 *   record[v]  versions/<v> is there            entry[v]  invalid/<v>/ has an entry, which stays
 *   bound[v]   the key of v is bound to it
 * Erasing adds nothing to the race: its entries of expiry are those that Retention and collectors of `gc.pml`
 * write, and its tombstone names no blob.
 *
 * Writer       W1 put the record. W2 look for an entry of what it was made from; is there one, put one of its
 *              own. W3 look for an own entry; is there none, bind. W4 look again; is there one, unbind.
 * Undo         W3 and W4, of a version that was trashed, and so unbound.
 * Invalidator  I1 put the entry of SRC. I2 unbind it. I3 list versions; what was made from it gets an entry and is
 *              unbound.
 * Reader       R1 read the binding. R2 look for an entry; a hit, if there is none.
 * Anybody may be killed or asleep at each step, the invalidator only before it says that it is done.
 *
 * Invariants   Who begins to read when an invalidation is done hits nothing of it. When all have ended, nothing
 *              invalid is bound, unless its writer was killed.
 *
 * Each V_ variant leaves one rule out and must fail. Each P_ probe asserts that something never happens which
 * must, so that a passing run is no empty one.
 */
#define SRC 0
#define NEW 1
bit record[2]; bit entry[2]; bit bound[2];
bit done; bit killed; byte ended;

inline bind(v) {
  see = entry[v];                                       /* W3, which only saves work */
  if
  :: see
  :: !see ->
       bound[v] = 1;
       if :: killed = 1; goto end :: skip fi;
#ifndef V_NO_SECOND_LOOK
       see = entry[v];                                  /* W4 */
       if
       :: see ->
#ifdef P_SECOND_LOOK
            assert(false);
#endif
            bound[v] = 0
       :: else
       fi
#endif
  fi
}

proctype Writer() {
  bit see; bit above;
#ifdef V_LOOK_BEFORE_RECORD
  above = entry[SRC];
  record[NEW] = 1;
#else
  record[NEW] = 1;                                      /* W1 */
  above = entry[SRC];                                   /* W2 */
#endif
  if
  :: above ->
#ifdef P_INHERITED
       assert(false);
#endif
       entry[NEW] = 1
  :: else
  fi;
  bind(NEW);
end: ended++
}

proctype Undo() {
  bit see;
  bind(SRC);
end: ended++
}

proctype Invalidator() {
  bit there;
#ifdef V_UNBIND_BEFORE_ENTRY
  bound[SRC] = 0;
  entry[SRC] = 1;
#else
  entry[SRC] = 1;                                       /* I1 */
  bound[SRC] = 0;                                       /* I2 */
#endif
  there = record[NEW];                                  /* I3 */
#ifndef V_NOTHING_BELOW
  if
  :: there -> entry[NEW] = 1; bound[NEW] = 0
  :: else
  fi;
#endif
  done = 1;
  ended++
}

proctype Reader(byte v) {
  bit late; bit is_bound; bit see;
  late = done;
  is_bound = bound[v];                                  /* R1 */
  if
  :: is_bound ->
#ifndef V_READERS_DO_NOT_LOOK
       see = entry[v];                                  /* R2 */
#endif
       if
       :: !see ->
#ifdef P_HIT
            assert(late || v == SRC);
#endif
            assert(!late)
       :: else
#ifdef P_HIDDEN
            assert(!late);
#endif
            skip
       fi
  :: else
  fi;
  ended++
}

init {
  atomic {
    record[SRC] = 1;
    run Writer(); run Undo(); run Invalidator(); run Reader(SRC); run Reader(NEW)
  }
  ended == 5;
  assert(killed || !(entry[SRC] && bound[SRC]));
  assert(killed || !(entry[NEW] && bound[NEW]))
}

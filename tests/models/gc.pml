/* Writers, collectors, retention and undo of one repository, for spin.
 *
 * A store offers put-if-absent, read, list and delete, each consistent by itself; a listing is no
 * snapshot. Every access to an array below is one request, so one atomic step. No clock decides
 * anything: a collector may take any writer for dead at any moment, and any trash period may be over.
 *
 * All blobs have the same bytes: their names 0..N-1 stand for `<digest>-<nonce>`, never used twice.
 *   blob[n]    the blob is there               mark[n]    a page below marks/ names it
 *   intent[s]  intents/<s> is there            slot[s]    versions/<s>: EMPTY, REVOKED or COMMIT + n
 *   trash[s]   what the journal of its shard says of version s: KEPT, TRASHED, ERASED. The next entry
 *              is written by put-if-absent after those that its writer looked at, so of an undo and
 *              an erasure exactly one happens.
 * Pages of marks and entries of journals are about many at once. What is one step there is several
 * here, so each execution of the code is one of the model.
 *
 * Writer     W1 put the intent. W2 of a candidate, read the mark, then look whether the blob is there.
 *            W3 else write a fresh name. W4 put-if-absent the version; who loses was revoked. W5 delete the
 *            own intent.
 * Collector  G0 erase what was trashed. G1 mark. G2 close every open intent: its version is there, or
 *            put-if-absent REVOKED. G3 read every version. G4 delete what is marked and unreferenced. G5
 *            withdraw the marks of what is gone: read them, then look whether the blobs are there.
 *            G6 delete closed intents.
 * Invariant  A version that is committed and not erased never misses its blob.
 *
 * Each V_ variant leaves one rule out and must fail. Each P_ probe asserts that something never
 * happens which must, so that a passing run is no empty one.
 */
#ifndef N
#define N 2
#endif
#ifndef S
#define S 2
#endif
#ifndef COLLECTORS
#define COLLECTORS 1
#endif
#define EMPTY 0
#define REVOKED 1
#define COMMIT 2
#define KEPT 0
#define TRASHED 1
#define ERASED 2
bit blob[N]; bit used[N]; bit mark[N];
bit intent[S]; byte slot[S]; byte trash[S];
#define WHOLE(s) (slot[s] < COMMIT || trash[s] == ERASED || blob[slot[s] - COMMIT])
#if S == 1
#define SAFE WHOLE(0)
#else
#define SAFE (WHOLE(0) && WHOLE(1))
#endif

proctype Writer(byte s) {
  byte n = 0; byte mine = N; bit is_marked; bit is_there; bit shares;
#ifndef V_NO_INTENT
  intent[s] = 1;                                        /* W1 */
#endif
#ifdef V_INTENT_GONE_EARLY
  intent[s] = 0;                                        /* W5 before W4 */
#endif
  do
  :: n < N && mine == N ->
#ifdef V_LOOK_BEFORE_MARK
       is_there = blob[n]; is_marked = mark[n];
#else
       is_marked = mark[n]; is_there = blob[n];         /* W2 */
#endif
       if :: is_there && !is_marked -> mine = n; shares = 1 :: else fi;
       n++
  :: else -> break
  od;
  if
  :: mine == N ->                                       /* W3 */
       atomic {
#ifdef V_NAME_AGAIN
         if :: !blob[0] -> mine = 0 :: else -> goto end fi;
#else
         if :: !used[0] -> mine = 0
            :: used[0] && !used[N - 1] -> mine = N - 1
            :: else -> goto end
         fi;
#endif
         used[mine] = 1; blob[mine] = 1
       }
  :: else
  fi;
  if :: goto end :: skip fi;                            /* killed here, or asleep for as long as it likes */
  atomic {                                              /* W4 */
#ifndef V_NO_FENCE
    if
    :: slot[s] != EMPTY ->
#ifdef P_REVOKED
         assert(false);
#endif
         goto end
    :: else
    fi;
#endif
    slot[s] = COMMIT + mine;
#ifdef P_SHARED
    assert(!shares);
#endif
    assert(SAFE)
  }
  if :: goto end :: skip fi;
  intent[s] = 0;                                        /* W5 */
end: skip
}

proctype Collector() {
  byte n = 0; byte s = 0; byte seen; bit mine[N]; bit kept[N]; bit is_marked; bit is_there;
  do                                                    /* G0 */
  :: s < S ->
#ifdef V_ERASE_WITHOUT_ENTRY
       skip;
#else
       if :: atomic { trash[s] == TRASHED -> trash[s] = ERASED } :: skip fi;
#endif
       s++
  :: else -> break
  od;
#ifdef V_CLOSE_BEFORE_MARK
  s = 0;
  do
  :: s < S ->
       if :: atomic { intent[s] && slot[s] == EMPTY -> slot[s] = REVOKED } :: !intent[s] || slot[s] != EMPTY fi;
       s++
  :: else -> break
  od;
#endif
  do                                                    /* G1 */
  :: n < N -> if :: blob[n] -> mark[n] = 1; mine[n] = 1 :: skip fi; n++
  :: else -> break
  od;
#ifndef V_CLOSE_BEFORE_MARK
  s = 0;
  do                                                    /* G2 */
  :: s < S ->
       if
       :: intent[s] && slot[s] == EMPTY ->
            if
            :: slot[s] != EMPTY
#ifdef V_NO_FENCE
            :: skip                                     /* its time is over, say the clocks */
#else
            :: atomic { slot[s] == EMPTY -> slot[s] = REVOKED }
#endif
            fi
       :: else
       fi;
       s++
  :: else -> break
  od;
#endif
  s = 0;
  do                                                    /* G3: record and journal are two requests */
  :: s < S ->
       seen = slot[s];
       if
#ifdef V_ERASE_WITHOUT_ENTRY
       :: seen >= COMMIT && trash[s] == KEPT -> kept[seen - COMMIT] = 1
#else
       :: seen >= COMMIT && trash[s] != ERASED -> kept[seen - COMMIT] = 1
#endif
       :: else
       fi;
       seen = 0; s++
  :: else -> break
  od;
  n = 0;
  do                                                    /* G4 */
  :: n < N ->
       if
       :: mine[n] && !kept[n] ->
            blob[n] = 0;
#ifdef P_DELETED
            assert(false);
#endif
            assert(SAFE)
       :: mine[n] && kept[n] ->
#ifdef P_SPARED
            assert(false);
#endif
#ifdef V_MARK_WITHDRAWN
            mark[n] = 0;                                /* looks like kindness */
#endif
            skip
       :: else
       fi;
       if :: goto end :: n++ fi
  :: else -> break
  od;
  n = 0;
  do                                                    /* G5 */
  :: n < N ->
#ifdef V_LOOK_BEFORE_PAGES
       is_there = blob[n]; is_marked = mark[n];
#else
       is_marked = mark[n]; is_there = blob[n];
#endif
       if :: is_marked && !is_there -> mark[n] = 0 :: else fi;
       n++
  :: else -> break
  od;
  s = 0;
  do                                                    /* G6 */
  :: s < S ->
#ifdef V_REVOKED_FORGOTTEN
       atomic { if :: slot[s] == REVOKED -> slot[s] = EMPTY; intent[s] = 0 :: else fi };
#else
       if :: slot[s] != EMPTY -> intent[s] = 0 :: else fi;
#endif
       s++
  :: else -> break
  od;
end: skip
}

proctype Retention() {                                  /* trashes what it likes; somebody may undo that, then it may again */
  byte s = 0;
  do
  :: s < S ->
       if
       :: atomic { slot[s] >= COMMIT && trash[s] == KEPT -> trash[s] = TRASHED };
          if
#ifdef V_ERASE_WITHOUT_ENTRY
          :: trash[s] = KEPT
#else
          :: atomic {
               if
               :: trash[s] == TRASHED ->
                    trash[s] = KEPT;
#ifdef P_UNDONE
                    assert(false);
#endif
                    assert(SAFE)
               :: else
               fi
             }
#endif
          :: skip
          fi
       :: skip
       fi;
       s++
  :: else -> break
  od
}

proctype Dead() {                                       /* a writer that comes so far, and never commits */
  blob[0] = 1
}

init {
  byte i = 0;
  atomic {
    used[0] = 1;                                        /* left by somebody, named by no version */
#ifdef LATE
    run Dead();
#else
    blob[0] = 1;
#endif
    do :: i < S -> run Writer(i); i++ :: else -> break od;
    i = 0;
    do :: i < COLLECTORS -> run Collector(); i++ :: else -> break od;
    run Retention()
  }
}

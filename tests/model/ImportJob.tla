---------------------------- MODULE ImportJob ----------------------------
(* One import job. Two databases: the engine's row with its leases, and the graph with the job's fence, which
   keeps its epoch, its checkpoint, its end and whether it is shut. Workers may crash, or stand still and go
   on as zombies; batches 1..N are applied in order. Bug = "none" is the design. *)
EXTENDS Naturals, FiniteSets, Sequences, TLC
CONSTANTS Workers, N, MaxCrash, MaxLease, Bug
VARIABLES row,     \* engine, durable: "absent","notstarted","running","cancelled","succeeded"
          wish,    \* engine, durable: somebody wants it cancelled
          epoch,   \* engine, durable: how many owners there were
          fence,   \* graph, durable: [e, shut, end]; end is "-" until the last commit
          ckpt,    \* graph, durable: batches done
          graph,   \* graph, durable: number of times each batch was applied
          w,       \* worker -> [st, e, pos]  st: "idle","claimed","hold","torn","closing","told"
          crashes, saw, bad, deleted
vars == <<row,wish,epoch,fence,ckpt,graph,w,crashes,saw,bad,deleted>>
Terminal == {"cancelled","succeeded"}
Idle == [st |-> "idle", e |-> 0, pos |-> 0]
Open == [e |-> 0, shut |-> FALSE, end |-> "-"]
Init == /\ row = "notstarted" /\ wish = FALSE /\ epoch = 0 /\ fence = Open /\ ckpt = 0
        /\ graph = [b \in 1..N |-> 0] /\ w = [x \in Workers |-> Idle]
        /\ crashes = 0 /\ saw = "-" /\ bad = FALSE /\ deleted = FALSE
\* the engine gives the job to another owner; the old one may only be slow
Lease(x) ==
  /\ w[x].st = "idle" /\ row \in {"notstarted","running"} /\ epoch < MaxLease
  /\ epoch' = epoch + 1 /\ w' = [w EXCEPT ![x] = [st |-> "claimed", e |-> epoch + 1, pos |-> 0]]
  /\ row' = "running"
  /\ UNCHANGED <<wish,fence,ckpt,graph,crashes,saw,bad,deleted>>
\* the owner shuts out those before it; an end that is known is told again, also where the job is shut
TakeOver(x) ==
  /\ w[x].st = "claimed"
  /\ IF ~fence.shut /\ fence.e <= w[x].e
     THEN /\ fence' = [fence EXCEPT !.e = w[x].e]
          /\ w' = [w EXCEPT ![x].st = IF fence.end = "-" THEN "hold" ELSE "closing", ![x].pos = ckpt]
     ELSE /\ w' = IF fence.end = "-" THEN [w EXCEPT ![x] = Idle] ELSE [w EXCEPT ![x].st = "told"]
          /\ UNCHANGED fence
  /\ UNCHANGED <<row,wish,epoch,ckpt,graph,crashes,saw,bad,deleted>>
Own(x) == \/ Bug = "I1"
          \/ Bug = "I2" /\ ~fence.shut
          \/ fence.e = w[x].e /\ (~fence.shut \/ Bug \in {"I7","I8"})
\* one batch, one transaction: its rows, its checkpoint, and the proof of the fence
Batch(x) ==
  /\ w[x].st = "hold" /\ w[x].pos < N
  /\ IF Own(x)
     THEN /\ graph' = [graph EXCEPT ![w[x].pos + 1] = @ + 1]
          /\ ckpt' = IF Bug = "I3" THEN ckpt ELSE w[x].pos + 1
          /\ w' = [w EXCEPT ![x].pos = @ + 1, ![x].st = IF Bug = "I3" THEN "torn" ELSE "hold"]
          /\ bad' = (bad \/ saw = "cancelled" \/ deleted)
     ELSE /\ w' = [w EXCEPT ![x] = Idle] /\ UNCHANGED <<graph,ckpt,bad>>
  /\ UNCHANGED <<row,wish,epoch,fence,crashes,saw,deleted>>
Checkpoint(x) ==
  /\ w[x].st = "torn" /\ w' = [w EXCEPT ![x].st = "hold"]
  /\ ckpt' = (IF Own(x) THEN w[x].pos ELSE ckpt)
  /\ UNCHANGED <<row,wish,epoch,fence,graph,crashes,saw,bad,deleted>>
\* the end, in the transaction of the last lines of the log
Close(x) ==
  /\ w[x].st = "hold" /\ (w[x].pos = N \/ wish)
  /\ IF Own(x)
     THEN \E end \in Terminal :
          /\ (end = "succeeded" => w[x].pos = N) /\ (end = "cancelled" => wish)
          /\ fence' = [fence EXCEPT !.end = end] /\ w' = [w EXCEPT ![x].st = "closing"]
     ELSE w' = [w EXCEPT ![x] = Idle] /\ UNCHANGED fence
  /\ UNCHANGED <<row,wish,epoch,ckpt,graph,crashes,saw,bad,deleted>>
Shut(x) ==
  /\ w[x].st = "closing"
  /\ IF fence.e = w[x].e
     THEN fence' = [fence EXCEPT !.shut = TRUE] /\ w' = [w EXCEPT ![x].st = "told"]
     ELSE w' = [w EXCEPT ![x] = Idle] /\ UNCHANGED fence
  /\ UNCHANGED <<row,wish,epoch,ckpt,graph,crashes,saw,bad,deleted>>
\* the engine writes the end that it was told, where this owner still has the lease
Finish(x) ==
  /\ w[x].st = "told" /\ w' = [w EXCEPT ![x] = Idle]
  /\ row' = IF epoch = w[x].e /\ row = "running" /\ fence.end # "-" THEN fence.end ELSE row
  /\ UNCHANGED <<wish,epoch,fence,ckpt,graph,crashes,saw,bad,deleted>>
Cancel ==
  /\ row \in {"notstarted","running"}
  /\ IF row = "notstarted" \/ Bug = "I7"
     THEN row' = "cancelled" /\ UNCHANGED wish
     ELSE wish' = TRUE /\ UNCHANGED row
  /\ UNCHANGED <<epoch,fence,ckpt,graph,w,crashes,saw,bad,deleted>>
\* what the graph keeps of the job is forgotten, but not that it is shut
Delete ==
  /\ (row \in Terminal \/ (Bug = "I8" /\ row = "running")) /\ row' = "absent" /\ deleted' = TRUE
  /\ fence' = IF Bug = "I9" THEN Open ELSE [fence EXCEPT !.shut = TRUE, !.end = "-"]
  /\ UNCHANGED <<wish,epoch,ckpt,graph,w,crashes,saw,bad>>
Read ==
  /\ row \in Terminal /\ saw = "-" /\ saw' = row
  /\ UNCHANGED <<row,wish,epoch,fence,ckpt,graph,w,crashes,bad,deleted>>
Crash(x) ==
  /\ w[x].st # "idle" /\ crashes < MaxCrash /\ crashes' = crashes + 1 /\ w' = [w EXCEPT ![x] = Idle]
  /\ UNCHANGED <<row,wish,epoch,fence,ckpt,graph,saw,bad,deleted>>
Next == Cancel \/ Delete \/ Read \/ \E x \in Workers :
  Lease(x) \/ TakeOver(x) \/ Batch(x) \/ Checkpoint(x) \/ Close(x) \/ Shut(x) \/ Finish(x) \/ Crash(x)
Spec == Init /\ [][Next]_vars
OnceEach == \A b \in 1..N : graph[b] <= 1
Prefix   == \A b \in 1..N : (graph[b] > 0) = (b <= ckpt)
DoneAll  == row = "succeeded" => \A b \in 1..N : graph[b] = 1
NoLate   == ~bad
TermStable == [][(row \in Terminal) => (row' = row \/ row' = "absent")]_row
=============================================================================

// What heapglass puts into the page: the JSON of its commands (docs/manual.md) under the commands' names.

export interface Part {
  error?: string;
  notes?: string[];
}
export interface Info extends Part {
  target: string;
  time: number;
  pid: number;
  command: string;
  executable: string;
  python: string;
  build: string;
  state: string | string[];
  freeze: string;
  pause_ms: number;
  objects: number;
  references: number;
  bytes: number;
  rss?: number;
  threads: number;
  os_threads: number;
  values: string;
}
export interface MemoryRow {
  category: string;
  detail: string;
  objects: number | null;
  bytes: number;
  share: number;
}
export interface Memory extends Part {
  verdict: string;
  rss: number;
  sum: number;
  malloc_trim_bytes: number;
  page_tables?: number;
  swapped?: number;
  pss?: number;
  rows: MemoryRow[];
}
export interface Suspect {
  rank: number;
  pattern: string;
  owner: string;
  bytes: number;
  share: number;
  retained_bytes: number;
  objects: number;
  evidence: string;
  path: string;
  cure: string;
  id: number | null;
  bytes_delta?: number;
  objects_delta?: number;
  grew?: number;
  allocated_at?: string;
}
export interface Leaks extends Part {
  heap_bytes: number;
  suspects: Suspect[];
}
export interface SuspectPicture {
  rank: number;
  svg?: string;
  error?: string;
}
export interface ShareTree {
  names: string[];
  name: number[];
  parent: number[];
  bytes: number[];
  objects: number[];
  left_out: number;
}
export interface Histogram extends Part {
  total: { objects: number; bytes: number; external_bytes: number };
  types: { type: string; count: number; bytes: number; external_bytes: number; mean: number; share: number }[];
}
export interface Frame {
  file: string;
  line: number | null;
  function: string;
}
export interface Thread {
  tid: number | null;
  name: string | null;
  gil: boolean;
  state: string;
  waits_for: { text: string; sure: boolean; held_by: (number | null)[]; holder_sure: boolean } | null;
  frames: Frame[];
}
export interface Task {
  id: number;
  name: string | null;
  tid: number | null;
  state: string;
  waits_for: string | null;
  frames: Frame[];
}
export interface Stacks extends Part {
  deadlock_texts: string[];
  threads: Thread[];
  tasks?: Task[];
  greenlets?: { id: number; type: string; frames: Frame[] }[];
}
export interface Garbage extends Part {
  total: { objects: number; bytes: number; unreachable: number };
  types: { type: string; count: number; bytes: number }[];
  components: {
    count: number;
    objects: number;
    bytes: number;
    finalizers: number;
    callbacks: number;
    id: number;
    types: string;
  }[];
  gc_garbage?: { id: number; type: string; repr: string }[];
}
export interface Tracemalloc extends Part {
  tracing: boolean;
  current?: number | null;
  peak?: number | null;
  traces?: number;
  rows?: { file: string; line: number; size: number; count: number }[];
}
export interface GrowthLine {
  name: string;
  bytes: number[];
  objects: number[];
  change: { kind: "step" | "rate" | "none" | "unsure"; capture?: number; before?: number; after?: number; step?: number };
}
export interface Growth extends Part {
  captures: { target: string; time: number; objects: number; bytes: number; rss: number | null }[];
  rates_per: "second" | "capture";
  total: GrowthLine[];
  types: GrowthLine[];
  owners: GrowthLine[];
}
export interface Diff extends Part {
  other_program?: string;
  types: {
    type: string;
    count_before: number;
    count_after: number;
    count_delta: number;
    bytes_delta: number;
    retained_delta: number | null;
    new: number;
    gone: number;
    grew: string;
  }[];
  owners: { path: string; what: string; entries_delta: number | null; count_delta: number; bytes_delta: number }[];
}
export interface Survivors extends Part {
  survivors: { new: number; survived: number; bytes: number; unsure: number };
  types: { type: string; count: number; bytes: number }[];
  owners: { path: string; what: string; count: number; bytes: number }[];
}
// Rows of one name in both, the second's minus the first's as the difference.
export interface BothRow {
  count_a: number;
  count_b: number;
  count_delta: number;
  bytes_a: number;
  bytes_b: number;
  bytes_delta: number;
}
export interface SideBySide extends Part {
  other_program?: string;
  bill?: (BothRow & { category: string; detail: string })[];
  types: (BothRow & { type: string })[];
  owners: (BothRow & { path: string; what: string })[];
}
export interface Report {
  heapglass: string;
  made: number;
  info: Info;
  memory: Memory;
  leaks: Leaks;
  pictures: SuspectPicture[];
  type_shares: ShareTree;
  dominator_shares: ShareTree;
  histogram: Histogram;
  stacks: Stacks;
  garbage: Garbage;
  tracemalloc: Tracemalloc;
  growth?: Growth;
  diff?: Diff;
  survivors?: Survivors;
}

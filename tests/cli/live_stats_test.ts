/** --stats: the line, the list, and the file. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { Cut } from "../../lib/capture/abi.ts";
import { openStatsFile, saveStats, statsLine, statsLines } from "../../lib/cli/live_stats.ts";
import { Stats } from "../../lib/stats.ts";

function counted(): Stats {
  const stats = new Stats();
  stats.event(1);
  stats.opened = 3;
  stats.closed = 1;
  stats.protocol("http").frames = 4;
  stats.protocol("http").records = 2;
  stats.invalidFrame("http", "bad_method");
  stats.gap(512, Cut.FILTERED);
  stats.gap(30, Cut.SNAPLEN);
  return stats;
}

Deno.test("statsLine() names every stage, and losses only when there are some", () => {
  equal(
    statsLine(counted()),
    "events 1 | 0 B | connections 2 of 3 | http 4 frames 2 records | gaps 1 | invalid 1",
  );
  equal(statsLine(new Stats()), "events 0 | 0 B | connections 0 of 0");
});

Deno.test("statsLines() lists what is not zero, by stage, protocol and reason", () => {
  deepEqual(statsLines({ ...counted().toJSON() }), [
    "stats.events.data 1",
    "stats.connections.opened 3",
    "stats.connections.closed 1",
    "stats.connections.open 2",
    "stats.gaps.filtered.count 1",
    "stats.gaps.filtered.bytes 512",
    "stats.gaps.snaplen.count 1",
    "stats.gaps.snaplen.bytes 30",
    "stats.frames.http 4",
    "stats.invalid.http.bad_method 1",
    "stats.records.http 2",
  ]);
});

Deno.test("saveStats() writes every counter as JSON, mode 0600 in a new file", async () => {
  const folder = await Deno.makeTempDir();
  const statsFile = `${folder}/stats.json`;
  const stats = { ...counted().toJSON(), kernel: { data_lost: 0 } };
  const file = openStatsFile({ statsFile });
  ok(file !== null);
  saveStats(file, { statsFile }, stats);
  file[Symbol.dispose]();
  deepEqual(JSON.parse(await Deno.readTextFile(statsFile)), JSON.parse(JSON.stringify(stats)));
  equal(((await Deno.stat(statsFile)).mode ?? 0) & 0o777, 0o600);
  await Deno.remove(folder, { recursive: true });
});

#!/usr/bin/env node
import { run } from './program.js';

// A launcher of MPI has started this program as one of several, which may wait for it.
if (process.env.PMI_FD !== undefined) (await import('../distributed/thread/leaving.js')).endJobUntilJoined();
process.exitCode = await run(process.argv.slice(2));

// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
//
// npm's web-push as a peer of `push`: node push_peer.mjs PACKAGES JOB METHOD COUNT
// METHOD: only `encrypt`, or `send` through one keep-alive agent with CONCURRENCY messages in flight.
// Prints JSON: messages, seconds of wall clock and of the whole process's CPU, and for encryption
// one of the bodies in base64.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Agent } from 'node:https';

const CONCURRENCY = 64;
const WARM_UP = 64;
const [packages, path, what, count] = process.argv.slice(2);
const require = createRequire(`${packages}/`);
const job = JSON.parse(readFileSync(path, 'utf8'));

function encrypt(number) {
  const { encrypt } = require('web-push/src/encryption-helper.js');
  const payload = Buffer.from(job.payload);
  let body;
  for (let at = 0; at < number; at++) {
    const { keys } = job.subscriptions[at % job.subscriptions.length];
    body = encrypt(keys.p256dh, keys.auth, payload, 'aes128gcm').cipherText;
  }
  return { body: body.toString('base64') };
}

async function send(number) {
  const webpush = require('web-push');
  const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY });
  const options = {
    vapidDetails: {
      subject: job.contact, publicKey: job.vapid_public, privateKey: job.vapid_private,
    },
    TTL: job.ttl, urgency: job.urgency, topic: job.topic, agent,
  };
  let next = 0;
  async function sendSome() {
    while (next < number) {
      const subscription = job.subscriptions[next++ % job.subscriptions.length];
      await webpush.sendNotification(subscription, job.payload, options);
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, sendSome));
  agent.destroy();
  return {};
}

const way = { encrypt, send }[what];
await way(WARM_UP);
const before = process.cpuUsage();
const begun = performance.now();
const said = await way(Number(count));
const used = process.cpuUsage(before);
console.log(JSON.stringify({
  messages: Number(count),
  wall: (performance.now() - begun) / 1e3,
  cpu: (used.user + used.system) / 1e6,
  ...said,
}));

import { createHmac, createSecretKey, randomUUID } from 'node:crypto';
import { connect } from 'node:net';

/**
 * Sends signed CloudEvents over so many connections, each the next when the last one was answered, and prints what came of it. In a
 * process of its own, so that it takes no turn of the server's. It speaks just as much HTTP as it needs.
 */
const [url = '', secret = '', connections = '', seconds = ''] = process.argv.slice(2);
const { hostname, port, host } = new URL(url);
// Made once: of a text, Node makes such a key at each use, and what the sender takes of the two cores the server has not.
const key = createSecretKey(Buffer.from(secret));
const run = randomUUID().slice(0, 8);
const end = performance.now() + Number(seconds) * 1000;
const tookMs: number[] = [];
const statuses = new Map<string, number>();
let sent = 0;

function request(): string {
  sent += 1;
  const body = `{"specversion":"1.0","id":"${run}-${sent}","source":"/bench","type":"order.made","time":"2026-03-01T12:00:00Z","data":{"order":${sent},"customer":"customer ${sent % 1000}","total":${sent % 500}.25,"items":["a","b"]}}`;
  const time = Math.floor(Date.now() / 1000);
  const signature = createHmac('sha256', key).update(`${time}.${body}`).digest('hex');
  return `POST /events/bench HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/cloudevents+json\r\nx-timestamp: ${time}\r\nx-signature: sha256=${signature}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

await Promise.all(
  Array.from({ length: Number(connections) }, async () => {
    await new Promise<void>((resolve, reject) => {
      const socket = connect({ host: hostname, port: Number(port), noDelay: true });
      let began = 0;
      let text = '';
      const next = () => {
        began = performance.now();
        socket.write(request());
      };
      socket.on('connect', next);
      socket.on('error', reject);
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1');
        const head = text.indexOf('\r\n\r\n');
        if (head < 0) return;
        const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? 0);
        if (text.length < head + 4 + length) return;
        const now = performance.now();
        tookMs.push(now - began);
        const status = text.slice(9, 12);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        text = '';
        if (now < end) return next();
        socket.end();
        resolve();
      });
    });
  }),
);
tookMs.sort((a, b) => a - b);
const at = (share: number): number => tookMs[Math.min(tookMs.length - 1, Math.floor(tookMs.length * share))] ?? 0;
console.log(JSON.stringify({ count: tookMs.length, p50: at(0.5), p99: at(0.99), max: tookMs.at(-1) ?? 0, statuses: Object.fromEntries(statuses) }));

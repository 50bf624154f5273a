// An HTTP subscriber as people write them: verifies, confirms, hands on, and prints what it accepted.
//
// `node subscriber.mjs [FAILURES]`: the first FAILURES notifications are answered 500, as if handing them on
// had failed. The first line printed tells its URL; each further one is a verified message and its answer.

import crypto from "node:crypto";
import http from "node:http";
import https from "node:https";

const ALGORITHMS = { 1: "SHA1", 2: "SHA256" };
const SIGNED = {
  Notification: ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"],
  SubscriptionConfirmation: ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"],
};
SIGNED.UnsubscribeConfirmation = SIGNED.SubscriptionConfirmation;

let failures = Number(process.argv[2] ?? 0);

function get(url) {
  return new Promise((resolve, reject) => {
    const client = url.startsWith("https:") ? https : http;
    client
      .get(url, (response) => {
        const chunks = [];
        response.on("data", (chunk) => chunks.push(chunk));
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString();
          response.statusCode === 200 ? resolve(text) : reject(new Error(`${url}: ${response.statusCode} ${text}`));
        });
      })
      .on("error", reject);
  });
}

async function isSignatureValid(message) {
  const certificate = new crypto.X509Certificate(await get(message.SigningCertURL));
  const verify = crypto.createVerify(ALGORITHMS[message.SignatureVersion]);
  for (const name of SIGNED[message.Type]) {
    if (message[name] !== undefined) {
      verify.update(`${name}\n${message[name]}\n`);
    }
  }
  return verify.verify(certificate.publicKey, Buffer.from(message.Signature, "base64"));
}

function handOn() {
  if (failures > 0) {
    failures -= 1;
    throw new Error("the queue is full");
  }
}

async function statusFor(headers, message) {
  if (!(await isSignatureValid(message))) {
    return 400;
  }
  switch (headers["x-amz-sns-message-type"]) {
    case "SubscriptionConfirmation":
      await get(message.SubscribeURL);
      return 200;
    case "Notification":
      handOn();
      return 200;
    default:
      return 200;
  }
}

const server = http.createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", async () => {
    const message = JSON.parse(Buffer.concat(chunks).toString());
    let status;
    try {
      status = await statusFor(request.headers, message);
    } catch (error) {
      console.error(error);
      status = 500;
    }
    response.writeHead(status).end();
    if (status !== 400) {
      console.log(JSON.stringify({ status, headers: request.headers, message }));
    }
  });
});

server.listen(0, "127.0.0.1", () => {
  console.log(JSON.stringify({ url: `http://127.0.0.1:${server.address().port}/mail_events` }));
});

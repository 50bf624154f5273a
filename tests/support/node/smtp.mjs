// Sends a message with nodemailer and prints what the server said: smtp.mjs PORT USER PASSWORD implicit|starttls
import nodemailer from "nodemailer";

const [port, user, pass, tls] = process.argv.slice(2);
const transport = nodemailer.createTransport({
  host: "localhost",
  port: Number(port),
  secure: tls === "implicit",
  requireTLS: true,
  auth: { user, pass },
  tls: { rejectUnauthorized: false },
});
const sent = await transport.sendMail({
  from: '"Zoë at the shop" <shop@example.com>',
  to: ["ada@example.net", '"Bob, B." <bob@example.net>'],
  bcc: "eve@example.net",
  subject: "Grüße",
  text: "Hello ✓\n.leading dot\n",
  html: "<p>Hello ✓</p>",
  attachments: [{ filename: "ä.txt", content: "attached" }],
  headers: { "X-SES-MESSAGE-TAGS": "campaign=spring" },
});
console.log(JSON.stringify({ response: sent.response, accepted: sent.accepted }));

// Sends one message by each API of SES with the AWS SDK for JavaScript v3 and prints the answers.

import { SESClient, SendEmailCommand } from "@aws-sdk/client-ses";
import { SESv2Client, SendEmailCommand as SendEmailV2Command } from "@aws-sdk/client-sesv2";

const [endpoint, account, source, recipient, configurationSet] = process.argv.slice(2);
const client = { region: "us-east-1", endpoint, credentials: { accessKeyId: account, secretAccessKey: "any" } };

const subject = { Charset: "UTF-8", Data: "你好" };
const body = { Html: { Data: "<p>say hello!</p>" } };

try {
  const first = await new SESClient(client).send(
    new SendEmailCommand({
      Source: source,
      Destination: { ToAddresses: [recipient] },
      Message: { Body: body, Subject: subject },
      ConfigurationSetName: configurationSet,
    }),
  );
  const second = await new SESv2Client(client).send(
    new SendEmailV2Command({
      FromEmailAddress: source,
      Destination: { ToAddresses: [recipient] },
      Content: { Simple: { Subject: subject, Body: body } },
      ConfigurationSetName: configurationSet,
      EmailTags: [{ Name: "campaign", Value: "hello" }],
    }),
  );
  console.log(JSON.stringify([first.MessageId, second.MessageId]));
} catch (error) {
  console.log(JSON.stringify({ name: error.name, message: error.message, status: error.$metadata?.httpStatusCode }));
}

// Sends one message with the AWS SDK for JavaScript v2 and prints the answer.

import AWS from "aws-sdk";

const [endpoint, account, source, recipient, configurationSet] = process.argv.slice(2);

AWS.config.update({ region: "us-east-1" });

const ses = new AWS.SES({
  apiVersion: "2010-12-01",
  region: "us-east-1",
  endpoint,
  accessKeyId: account,
  secretAccessKey: "any",
});

ses.sendEmail(
  {
    Source: source,
    Destination: { ToAddresses: [recipient] },
    Message: {
      Body: { Html: { Data: "<p>say hello!</p>" } },
      Subject: { Charset: "UTF-8", Data: "你好" },
    },
    ConfigurationSetName: configurationSet,
  },
  (err, data) => {
    if (err) {
      console.log(JSON.stringify({ code: err.code, message: err.message, statusCode: err.statusCode }));
    } else {
      console.log(JSON.stringify(data));
    }
  },
);

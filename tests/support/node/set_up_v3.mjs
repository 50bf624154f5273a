// Sets up a topic with an HTTP subscriber, and a configuration set that tells it everything, with the
// AWS SDK for JavaScript v3. Prints what SNS says of the topic and its subscriptions.

import {
  CreateConfigurationSetCommand,
  CreateConfigurationSetEventDestinationCommand,
  SESClient,
  VerifyEmailIdentityCommand,
} from "@aws-sdk/client-ses";
import {
  CreateTopicCommand,
  GetTopicAttributesCommand,
  ListSubscriptionsByTopicCommand,
  SNSClient,
  SubscribeCommand,
} from "@aws-sdk/client-sns";

const [endpoint, account, source, url, signatureVersion] = process.argv.slice(2);
const client = { region: "us-east-1", endpoint, credentials: { accessKeyId: account, secretAccessKey: "any" } };
const ses = new SESClient(client);
const sns = new SNSClient(client);

const { TopicArn } = await sns.send(
  new CreateTopicCommand({ Name: "topic_test", Attributes: { SignatureVersion: signatureVersion } }),
);
await ses.send(new VerifyEmailIdentityCommand({ EmailAddress: source }));
await ses.send(new CreateConfigurationSetCommand({ ConfigurationSet: { Name: "test" } }));
await ses.send(
  new CreateConfigurationSetEventDestinationCommand({
    ConfigurationSetName: "test",
    EventDestination: {
      Name: "1tracking_events",
      Enabled: true,
      MatchingEventTypes: ["send", "reject", "bounce", "complaint", "delivery", "open", "click"],
      SNSDestination: { TopicARN: TopicArn },
    },
  }),
);
const { SubscriptionArn } = await sns.send(new SubscribeCommand({ TopicArn, Protocol: "http", Endpoint: url }));
const { Attributes } = await sns.send(new GetTopicAttributesCommand({ TopicArn }));
const { Subscriptions } = await sns.send(new ListSubscriptionsByTopicCommand({ TopicArn }));
console.log(JSON.stringify({ SubscriptionArn, Attributes, Subscriptions }));

/** What somebody is told of: errors, throttled requests, slow answers and slow starts of the prediction function. */
import { predict } from './predict.ts';
import { settings } from './settings.ts';

const { email, p99Ms, initMs } = settings.alarms;
const namespace = 'Veneer';

const topic = new aws.sns.Topic('Alarms', { kmsMasterKeyId: 'alias/aws/sns' });
if (email !== undefined)
  new aws.sns.TopicSubscription('AlarmsByEmail', { topic: topic.arn, protocol: 'email', endpoint: email });

/** Lambda has no metric of init times: its log does, on a line for each start. */
const initTime = `${$app.stage}-init-ms`;
new aws.cloudwatch.LogMetricFilter('InitTime', {
  logGroupName: predict.nodes.logGroup.apply(group => group!.name),
  pattern: '{ $.type = "platform.report" && $.record.metrics.initDurationMs = * }',
  metricTransformation: {
    ...{ name: initTime, namespace, unit: 'Milliseconds', value: '$.record.metrics.initDurationMs' },
  },
});

const ofFunction = { namespace: 'AWS/Lambda', dimensions: { FunctionName: predict.name } };
const alarms = {
  Errors: { ...ofFunction, metricName: 'Errors', statistic: 'Sum', threshold: 0 },
  Throttles: { ...ofFunction, metricName: 'Throttles', statistic: 'Sum', threshold: 0 },
  SlowAnswers: { ...ofFunction, metricName: 'Duration', extendedStatistic: 'p99', threshold: p99Ms },
  SlowStarts: { namespace, metricName: initTime, extendedStatistic: 'p90', threshold: initMs },
};
for (const [name, alarm] of Object.entries(alarms))
  new aws.cloudwatch.MetricAlarm(`Predict${name}`, {
    ...alarm,
    comparisonOperator: 'GreaterThanThreshold',
    period: 300,
    evaluationPeriods: 1,
    treatMissingData: 'notBreaching',
    alarmActions: [topic.arn],
    okActions: [topic.arn],
  });

/** One page: how much is asked, how fast it is answered, what goes wrong. */
new aws.cloudwatch.Dashboard('Dashboard', {
  dashboardName: `veneer-${$app.stage}`,
  dashboardBody: $jsonStringify({
    widgets: [
      widget(0, 'Requests', [['Invocations', 'Sum']]),
      widget(1, 'Milliseconds an answer', [
        ['Duration', 'p50'],
        ['Duration', 'p99'],
      ]),
      widget(2, 'What went wrong', [
        ['Errors', 'Sum'],
        ['Throttles', 'Sum'],
      ]),
      widget(3, 'Requests under way', [['ConcurrentExecutions', 'Maximum']]),
    ],
  }),
});

function widget(index: number, title: string, metrics: [metric: string, statistic: string][]) {
  return {
    ...{ type: 'metric', width: 12, height: 6, x: (index % 2) * 12, y: Math.floor(index / 2) * 6 },
    properties: {
      title,
      region: aws.getRegionOutput().region,
      period: 60,
      metrics: metrics.map(([metric, stat]) => [
        'AWS/Lambda',
        metric,
        'FunctionName',
        predict.name,
        { stat },
      ]),
    },
  };
}

/** Which names of labels are words. */
import { expect, test } from 'vitest';
import { labelNames, wordsOf } from '../../trainer/few-shot/label-names.ts';

test.each([
  ['card_arrival', 'card arrival'],
  ['Refund_not_showing_up', 'Refund not showing up'],
  ['lost-or-stolen-card', 'lost or stolen card'],
  ['cardArrival', 'card Arrival'],
  ['comp.sys.ibm.pc.hardware', 'comp sys ibm pc hardware'],
  ['ENTY:animal', 'ENTY animal'],
  ['__spam__', 'spam'],
  ['top 10 lists', 'top 10 lists'],
  ['wiadomość', 'wiadomość'],
  ['退款', '退款'],
  ['好', '好'],
  ['ログイン', 'ログイン'],
  ['환불 요청', '환불 요청'],
  ['शिकायत', 'शिकायत'],
  ['type_of_card', 'type of card'],
])('%s says %s', (label, words) => {
  expect(wordsOf(label)).toBe(words);
});

test.each([
  ...[
    'LABEL_3',
    'label 3',
    'class12',
    'Class_1',
    'category-4',
    'intent_7',
    'tag',
    '17',
    '-1',
    '3.5',
    'b',
    'A_1',
  ],
  ...['', '_', '???', '🙂', 'c_d_e'],
])('%s is no word', label => {
  expect(wordsOf(label)).toBeUndefined();
});

test('labels that say the same have no names, and those that do not keep theirs', () => {
  expect(labelNames(['card_arrival', 'CardArrival', 'card-lost', 'LABEL_1'])).toEqual(
    new Map([['card-lost', 'card lost']]),
  );
});

/** What schemas say of wrong input, in English: zod/mini, which starts in half the time of zod, leaves the words to its user. */
import { config } from 'zod/mini';
import en from 'zod/v4/locales/en.js';

config(en());

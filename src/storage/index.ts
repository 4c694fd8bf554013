export { KeptAnswers, type KeptAnswersOptions } from './kept-answers.js';

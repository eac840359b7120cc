/** The address of the API: one CloudFront distribution, with no cost of its own while nobody asks. */
export const router = new sst.aws.Router('Api');

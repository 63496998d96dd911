/** What --version prints; a test keeps package.json the same. */
export const VERSION = "0.1.0";

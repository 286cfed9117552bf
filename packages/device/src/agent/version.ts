/** The agent's version as it was built, which counts when no release put it where it is. A test holds it to package.json. */
export const agentVersion = '0.1.0';

import { groupNameSchema, policyNameSchema, propertySchema } from '@fleetward/protocol';
import { type Static, type TSchema, Type } from 'typebox';

// The schema is the documentation: docs/reference/settings.md is generated from the descriptions and defaults here.

function section<Properties extends Record<string, TSchema>>(properties: Properties, description: string) {
  return Type.Object(properties, { additionalProperties: false, default: {}, description });
}

function count(standard: number, description: string, bounds: { minimum?: number; maximum?: number } = {}) {
  return Type.Integer({ default: standard, minimum: 1, ...bounds, description });
}

function flag(standard: boolean, description: string) {
  return Type.Boolean({ default: standard, description });
}

function text(standard: string, description: string) {
  return Type.String({ default: standard, minLength: 1, description });
}

function listener(host: string, port: number, description: string) {
  return section(
    {
      host: text(host, 'Address to listen on.'),
      port: Type.Integer({
        default: port,
        minimum: 0,
        maximum: 65_535,
        description: 'TCP port; 0 takes a free one.',
      }),
    },
    description,
  );
}

const listeners = section(
  {
    mqtt: listener('0.0.0.0', 8883, 'MQTT over mutual TLS, for devices.'),
    devices: listener(
      '0.0.0.0',
      8443,
      'HTTPS with client certificates: EST, updates, reports; and MQTT by ALPN.',
    ),
    public: listener('0.0.0.0', 8080, 'Plain HTTP: CRLs and OCSP answers, which are signed and public.'),
    operators: listener('127.0.0.1', 9443, 'HTTPS API for operators.'),
  },
  'Where the platform listens.',
);

const storage = Type.Union(
  [
    Type.Object({ kind: Type.Literal('sqlite') }, { additionalProperties: false }),
    Type.Object(
      { kind: Type.Literal('postgres'), url: Type.String({ minLength: 1 }) },
      { additionalProperties: false },
    ),
  ],
  {
    default: { kind: 'sqlite' },
    description: '`{kind: sqlite}` keeps the records in `folder`; `{kind: postgres, url: …}` in PostgreSQL.',
  },
);

const plainMqtt = Type.Union(
  [
    Type.Object({ kind: Type.Literal('off') }, { additionalProperties: false }),
    Type.Object(
      {
        kind: Type.Literal('loopback'),
        host: text('127.0.0.1', 'A loopback address.'),
        port: Type.Integer({ minimum: 0, maximum: 65_535 }),
        certificateId: Type.String({ pattern: '^[0-9a-f]{64}$' }),
      },
      { additionalProperties: false },
    ),
  ],
  {
    default: { kind: 'off' },
    description:
      'MQTT without TLS, for programs on this machine: `{kind: off}`, or `{kind: loopback, host: 127.0.0.1, port: 1883, certificateId: …}`. Whoever reaches it speaks as that certificate; on an address that is not loopback the platform does not start.',
  },
);

const keyFile = Type.Object(
  { kind: Type.Literal('file'), path: Type.String({ minLength: 1 }) },
  { additionalProperties: false },
);
const keyVariable = Type.Object(
  { kind: Type.Literal('environment'), name: Type.String({ minLength: 1 }) },
  { additionalProperties: false },
);
const keyCredential = Type.Object(
  { kind: Type.Literal('systemd-credential'), name: Type.String({ minLength: 1 }) },
  { additionalProperties: false },
);

const masterKey = Type.Union([keyFile, keyVariable, keyCredential], {
  default: { kind: 'file', path: 'master.key' },
  description:
    'Where the key that encrypts all others comes from: `{kind: file, path}` (relative to `folder`), `{kind: environment, name}` or `{kind: systemd-credential, name}`.',
});

const previousMasterKeys = Type.Array(Type.Union([keyFile, keyVariable, keyCredential]), {
  default: [],
  maxItems: 8,
  description:
    'Master keys that still open what they sealed, each given like `masterKey`; nothing new is sealed under them. For a rotation (docs/how-to/master-key.md).',
});

const hsm = Type.Union(
  [
    Type.Object({ kind: Type.Literal('off') }, { additionalProperties: false }),
    Type.Object(
      {
        kind: Type.Literal('pkcs11'),
        module: Type.String({ minLength: 1, maxLength: 4_096 }),
        package: Type.Optional(Type.String({ minLength: 1, maxLength: 4_096 })),
        tokenLabel: Type.String({ minLength: 1, maxLength: 32 }),
        pin: Type.Union([keyFile, keyVariable, keyCredential]),
        environment: Type.Optional(
          Type.Array(Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]{0,127}$' }), { maxItems: 16 }),
        ),
      },
      { additionalProperties: false },
    ),
  ],
  {
    default: { kind: 'off' },
    description:
      'A PKCS #11 token that can hold keys of CAs: `{kind: off}`, or `{kind: pkcs11, module: /usr/lib/….so, tokenLabel: …, pin: …, environment: [NAME]}`. `pin` is given like `masterKey`; `package` is the folder of the compiled `pkcs11js`; `environment` names variables that the module reads (docs/how-to/keys-in-an-hsm.md).',
  },
);

const experimental = section(
  {
    mlDsa: flag(
      false,
      'Take CSRs with ML-DSA keys, and make CAs that sign with ML-DSA (FIPS 204, RFC 9881); devices and clients must know it (docs/how-to/ml-dsa.md).',
    ),
  },
  'What may still change, and what the peers of a platform do not all know yet.',
);

const weakKeyBlacklist = Type.Array(Type.String({ minLength: 1, maxLength: 4_096 }), {
  default: [],
  maxItems: 16,
  description:
    'Files with lists of weak RSA keys in the form of Debian’s `openssl-blacklist` (CVE-2008-0166), relative to `folder`: a CSR with such a key is refused, and so is a certificate with one, or under a CA with one (docs/how-to/weak-keys.md).',
});

const storageLimits = section(
  {
    readerThreads: count(2, 'SQLite: threads that read.', { maximum: 16 }),
    busyTimeoutMs: count(5_000, 'SQLite: how long a statement waits for a lock of another program.', {
      maximum: 60_000,
    }),
    groupTransactionsMax: count(64, 'SQLite: transactions that may share one COMMIT.', { maximum: 10_000 }),
    groupMs: count(50, 'SQLite: time after which such a group takes no further transaction.', {
      maximum: 10_000,
    }),
    connectionsMax: count(10, 'PostgreSQL: connections at once.', { maximum: 1_000 }),
    connectTimeoutMs: count(5_000, 'PostgreSQL: how long to wait for a connection.', { maximum: 60_000 }),
    statementTimeoutMs: count(5_000, 'PostgreSQL: a statement that takes longer is given up.', {
      maximum: 600_000,
    }),
    statementsPendingMax: count(10_000, 'Statements that may wait; one more is told to try again.'),
    transactionTimeoutMs: count(5_000, 'A transaction that takes longer is rolled back.', {
      maximum: 600_000,
    }),
    messagesCheckpointBytes: count(
      16_777_216,
      '`messages.db`: size of its log at which what is in it moves into the file.',
      { minimum: 65_536, maximum: 1_073_741_824 },
    ),
    transactionsPendingMax: count(1_024, 'Transactions that may wait; one more is told to try again.'),
    reportTransactionsMax: count(
      64,
      'Transactions at once that keep reports of devices, so that operators’ changes find room; never more than half of `transactionsPendingMax`.',
    ),
    reportsPendingMax: count(
      1_024,
      'Things with a report that waits for such a transaction; a report of one more is told to try again.',
    ),
  },
  'Limits of the records.',
);

const tlsLimits = section(
  {
    handshakeTimeoutMs: count(10_000, 'A TLS handshake that takes longer is cut.', { maximum: 120_000 }),
    connectionsMax: count(20_000, 'Connections at once a listener; one more is cut at once.'),
    connectionsPerAddressMax: count(
      20_000,
      'Connections at once from one address; lower it where devices are not behind one NAT.',
    ),
    anonymousConnectionsMax: count(
      500,
      'Connections at once without a client certificate, which only enrolment needs; one more is cut.',
    ),
    anonymousConnectionsPerAddressMax: count(50, 'Of these from one address (IPv6: one /64).'),
    anonymousIdleMs: count(20_000, 'How long such a connection may be silent in both directions.', {
      maximum: 600_000,
    }),
    connectionsPerCertificateMax: count(10, 'Connections at once of one certificate, over all listeners.'),
    knownCertificatesMax: count(
      8_192,
      'Parsed certificates kept of devices that were admitted, about 3 kB each; one more forgets the one not asked for longest, which is parsed and verified anew when it comes back.',
    ),
    connectsPerSecondMax: count(
      50,
      'MQTT CONNECTs a second of one certificate, and as many at once; one more is refused (0x9F; MQTT 3.1.1: return code 3).',
    ),
  },
  'Limits of the TLS listeners for devices.',
);

const mqttLimits = section(
  {
    connectTimeoutMs: count(10_000, 'Time from the end of the handshake to an accepted CONNECT.', {
      maximum: 120_000,
    }),
    packetTimeoutMs: count(
      30_000,
      'Time for a packet to arrive once it has begun; then the connection is cut.',
      {
        minimum: 1_000,
        maximum: 600_000,
      },
    ),
    packetBytesMax: count(
      268_288,
      'Largest MQTT packet, refused on its header; also of a WebSocket message.',
      {
        minimum: 132_096,
        maximum: 16_777_216,
      },
    ),
    topicBytesMax: count(1_024, 'Bytes of a topic.', { minimum: 256, maximum: 65_535 }),
    topicLevelsMax: count(32, 'Levels of a topic or filter.', { minimum: 8, maximum: 1_024 }),
    subscriptionsMax: count(100, 'Subscriptions of one session.', { minimum: 8 }),
    filtersPerSubscribeMax: count(32, 'Filters in one SUBSCRIBE.', { minimum: 8 }),
    inflightInMax: count(100, 'QoS 1 and 2 messages a device may have unacknowledged.', {
      minimum: 100,
      maximum: 65_535,
    }),
    inflightOutMax: count(100, 'QoS 1 and 2 messages sent to a device and not yet acknowledged.', {
      minimum: 100,
      maximum: 65_535,
    }),
    pendingMessagesMax: count(
      1_000,
      'Those waiting for room in that window, for a session that ends with its connection; one more cuts it.',
    ),
    pendingBytesMax: count(1_048_576, 'Bytes of those waiting messages.', { minimum: 131_072 }),
    outgoingBytesMax: count(
      1_048_576,
      'Bytes a slow subscriber has not read before QoS 0 is dropped, then the connection cut.',
      { minimum: 65_536 },
    ),
    stalledWriteMs: count(30_000, 'How long a write may make no progress before the connection is cut.'),
    messagesPerSecondMax: count(
      1_000,
      'Incoming packets a second of one connection, then its reads pause; acknowledgements count only when they answer nothing that was sent. A second’s worth may come at once.',
      {
        minimum: 100,
      },
    ),
    bytesPerSecondMax: count(4_194_304, 'Incoming bytes a second of one connection, then its reads pause.', {
      minimum: 524_288,
    }),
    deliveriesPerSecondMax: count(
      200_000,
      'What the messages of one connection go to in a second, then its reads pause: once for each subscription and KiB of the payload, a shared subscription eight times. A second’s worth may come at once.',
      { minimum: 20_000 },
    ),
    topicAliasMax: count(
      16,
      'Topic aliases an MQTT 5 device may use, and at most as many are used towards it.',
      { maximum: 65_535 },
    ),
    keepAliveSecondsMax: count(1_200, 'Largest keep-alive; MQTT 5 devices that ask for more are told this.', {
      minimum: 30,
      maximum: 65_535,
    }),
    retainedMessagesMax: count(
      100_000,
      'Topics with a retained message; one more is refused (0x97; MQTT 3.1.1: disconnected), or with QoS 0 only routed.',
    ),
    retainedBytesMax: count(
      67_108_864,
      'Bytes of all retained messages together, and 200 for each level of their topics that no other one shares; the same happens beyond it.',
      {
        minimum: 1_048_576,
      },
    ),
    retainedMessagesPerOwnerMax: count(
      10_000,
      'Of these topics, those that one owner (a thing, or a certificate without one) was the last to set; one more is refused alike. Raise it for a back end that keeps one for each device.',
    ),
    retainedBytesPerOwnerMax: count(
      8_388_608,
      'Bytes of those retained messages, and 200 for each level that their topics added; the same happens beyond it.',
      {
        minimum: 131_072,
      },
    ),
    sessionsMax: count(
      100_000,
      'Sessions that outlive their connection; a device that asks for one more is refused (0x97; MQTT 3.1.1: return code 3).',
    ),
    sessionsPerOwnerMax: count(
      50,
      'Of these, those of one owner (a thing, or a certificate without one), and so its delayed wills; one more is refused alike.',
    ),
    sessionExpirySecondsMax: count(
      604_800,
      'How long they do at most; MQTT 3.1.1 devices get this one. 4294967295: for ever.',
      { minimum: 3_600, maximum: 4_294_967_295 },
    ),
    queuedMessagesMax: count(
      10_000,
      'QoS 1 and 2 messages such a session is owed; with one more it ends, and the device finds none on its return.',
      { minimum: 100 },
    ),
    queuedBytesMax: count(16_777_216, 'Bytes of those messages; the same fate.', { minimum: 131_072 }),
    storedMessagesMax: count(
      1_000_000,
      'Messages that all sessions are owed, counted for each; above it their publishers are refused (0x97; a 3.1.1 connection ends).',
    ),
    storedBytesMax: count(
      268_435_456,
      'Bytes of those messages, each counted once, and of all subscriptions, wills and inbound packet identifiers of sessions; the same fate, and no more of those is taken (0x97).',
      {
        minimum: 131_072,
      },
    ),
    storedMessagesPerOwnerMax: count(
      20_000,
      'Messages that the sessions of one owner are owed; with one more that one of them ends that is owed most.',
      { minimum: 100 },
    ),
    storedBytesPerOwnerMax: count(
      33_554_432,
      'Bytes of all that the sessions of one owner store, a message counted for each; the same fate, and no more is taken (0x97).',
      { minimum: 131_072 },
    ),
    uncommittedBytesMax: count(
      8_388_608,
      'Bytes on their way to the disk; above it the reads of those who send them pause.',
      { minimum: 65_536 },
    ),
    commitIntervalMs: count(
      2,
      'Time between the beginnings of two batches of durable changes at least: longer saves processor time, shorter acknowledges sooner under load.',
      { minimum: 0, maximum: 1_000 },
    ),
    lingerMs: count(
      1_000,
      'How long a connection that the platform closes may take to read its last packet.',
    ),
  },
  'Limits of one MQTT connection; none is stricter than what AWS IoT clients rely on.',
);

const httpLimits = section(
  {
    headerBytesMax: count(16_384, 'Request line and headers.', { maximum: 65_536 }),
    bodyBytesMax: count(262_144, 'Body of a request, uploads excepted.', { maximum: 16_777_216 }),
    uploadBytesMax: count(4_294_967_296, 'Body of an artifact upload.'),
    headersTimeoutMs: count(10_000, 'Time for the headers to arrive.', { maximum: 120_000 }),
    requestTimeoutMs: count(60_000, 'Time for a whole request, uploads excepted.', { maximum: 600_000 }),
    connectionsMax: count(2_000, 'Connections at once a listener.'),
    connectionsPerAddressMax: count(
      100,
      'Connections at once from one address (IPv6: one /64), on the public and the operators’ listener.',
    ),
    deviceRequestsPerSecondMax: count(
      50,
      'Requests a second of one device certificate, and as many at once, then 429; without one, of one connection.',
      { maximum: 100_000 },
    ),
    stalledWriteMs: count(30_000, 'How long an answer may make no progress before the connection is cut.', {
      maximum: 600_000,
    }),
    lingerMs: count(
      3_000,
      'How long the rest of a refused request is still read, so that its client sees why.',
      {
        maximum: 60_000,
      },
    ),
    requestsPerSocketMax: count(1_000, 'Requests on one kept-alive connection.'),
    reportsPerSecondMax: count(10, 'Reports a second of one thing, and as many at once, then 429.', {
      maximum: 10_000,
    }),
    failedAuthenticationsPerMinuteMax: count(
      30,
      'Failed authentications a minute from one address, then 429.',
    ),
  },
  'Limits of the HTTP listeners.',
);

const certificates = section(
  {
    deviceValidityDays: count(365, 'Validity of a device certificate, its key in a TPM or not.', {
      maximum: 3_650,
    }),
    claimValidityDays: count(365, 'Validity of a claim certificate, which may only provision.', {
      maximum: 3_650,
    }),
    operatorValidityDays: count(90, 'Validity of an operator’s certificate.', { maximum: 366 }),
    graceDays: count(
      30,
      'How long after its end a device certificate may still re-enrol, and nothing else; 0: not at all.',
      { minimum: 0, maximum: 3_650 },
    ),
    policiesPerCertificateMax: count(10, 'Policies attached to one certificate.', { maximum: 100 }),
    activePerThingMax: count(
      8,
      'Certificates of one thing that are neither revoked for ever nor expired, above which none of them is renewed.',
      { maximum: 1_000 },
    ),
    serverValidityDays: count(90, 'Validity of the server certificate; renewed by itself after two thirds.', {
      maximum: 825,
    }),
    ocspValidityMinutes: count(60, 'Time until an OCSP answer’s nextUpdate; signed again after half of it.', {
      maximum: 10_080,
    }),
    ocspSignaturesPerSecondMax: count(
      100,
      'OCSP answers a second that are signed, for all who ask together, at most half of them with a nonce or about several certificates; above it what is kept is given without the nonce, or they are told to try later.',
      { maximum: 100_000 },
    ),
    crlValidityHours: count(24, 'Time until a CRL’s nextUpdate; re-signed at half of it.', {
      maximum: 8_760,
    }),
  },
  'The certificate authority.',
);

const enrollment = section(
  {
    linkingRequired: flag(
      false,
      'Whether a CSR must prove by its challenge password that it was made for its TLS connection (tls-unique, tls-exporter); one that is wrong is refused in any case.',
    ),
    serverKeygen: flag(
      false,
      'Whether EST `/serverkeygen` makes keys for devices that cannot; such a key was once elsewhere than in its device.',
    ),
    attemptsKeptMax: count(10_000, 'Attempts to enrol or renew that are kept for operators, the newest.', {
      maximum: 1_000_000,
    }),
    strangersKeptMax: count(
      1_000,
      'Attempts by those who showed no join token or certificate that the platform knows: the newest, apart from the others.',
      { maximum: 1_000_000 },
    ),
    refusalsStoredPerSecondMax: count(
      20,
      'Refused attempts a second that are kept; more are only counted among the denials.',
      { maximum: 10_000 },
    ),
    inFlightMax: count(256, 'Attempts at once; one more is told to come again.', { maximum: 100_000 }),
  },
  'How devices come in and renew.',
);

const issuanceLog = section(
  {
    headSeconds: count(
      3_600,
      'A head of the log is signed with each batch of new entries, and after so many seconds also when nothing was issued.',
      { maximum: 86_400 },
    ),
  },
  'The log of issued certificates.',
);

const renewals = section(
  {
    openMax: count(10, 'Renewal campaigns that are not over.', { maximum: 100 }),
    membersMax: count(20_000, 'Certificates of one renewal campaign.', { maximum: 100_000 }),
    keptMax: count(50, 'Renewal campaigns that are over and still listed.', { maximum: 1_000 }),
  },
  'Renewal campaigns.',
);

const campaigns = section(
  {
    required: flag(
      false,
      'Devices get releases through campaigns alone. Without it a release that no campaign is for is offered by its publication to every device that it fits.',
    ),
    needApproval: flag(
      false,
      'Every campaign has to be approved by an operator who did not make it, also one that takes another back.',
    ),
    openMax: count(20, 'Campaigns that are not over.', { maximum: 100 }),
    thingsMax: count(100_000, 'Things of one campaign.', { maximum: 1_000_000 }),
    keptMax: count(100, 'Campaigns that are over and still listed.', { maximum: 1_000 }),
    stepsPerTickMax: count(1_000, 'Things of one campaign that one tick (a second) moves on.', {
      maximum: 10_000,
    }),
    feedbackPendingMax: count(10_000, 'Outcomes that devices told and that wait to be kept.', {
      maximum: 1_000_000,
    }),
  },
  'Campaigns: rollouts of releases.',
);

const trail = section(
  {
    checkpointEntries: count(1_000, 'Entries after which a signed checkpoint is written.'),
    checkpointSeconds: count(
      300,
      'Seconds after which a signed checkpoint is written when there is something new.',
    ),
  },
  'The audit trail.',
);

const releases = section(
  {
    snapshotValidityHours: count(168, 'Validity of the TUF snapshot the server signs.'),
    timestampValidityHours: count(
      24,
      'Validity of the TUF timestamp the server signs; re-signed at half of it.',
    ),
    uploadsMax: count(8, 'Uploads of artifacts at once; one more is told to try again.', { maximum: 256 }),
    unfinishedUploadsMax: count(
      16,
      'Uploads that broke off and may be gone on with, those under way included; one more is told to finish or remove one.',
      { maximum: 1_024 },
    ),
    downloadsMax: count(1_000, 'Downloads of artifacts at once; one more is told to try again.', {
      maximum: 100_000,
    }),
    downloadBytesPerSecondMax: count(
      0,
      'Bytes a second of all downloads of artifacts together, shared evenly between the devices that download; 0: no cap. Devices give up what is slower than they allow, so lower `downloadsMax` with it.',
      { minimum: 0 },
    ),
    deviceDownloadBytesPerSecondMax: count(
      0,
      'Bytes a second of the downloads of one device certificate together; 0: no cap.',
      { minimum: 0 },
    ),
    unfinishedUploadHours: count(24, 'How long an upload that broke off is kept.', { maximum: 8_760 }),
  },
  'Updates.',
);

const director = section(
  {
    instructionValidityHours: count(
      24,
      'How long what a device is instructed to have is good for; signed again at half of it.',
      { maximum: 8_760 },
    ),
    signaturesPerSecondMax: count(
      500,
      'Instructions a second that are signed, for all devices together; who asks above it is told to try later.',
      { maximum: 100_000 },
    ),
    instructionsKeptMax: count(
      50_000,
      'Devices whose instruction is kept to be given again; for more than that the oldest are signed anew.',
      { maximum: 10_000_000 },
    ),
  },
  'The director, which instructs each device by itself what to install.',
);

const groups = section(
  {
    groupsMax: count(10_000, 'Groups of things.', { maximum: 1_000_000 }),
    levelsMax: count(7, 'Levels of the hierarchy of groups.', { maximum: 64 }),
    groupsPerThingMax: count(10, 'Groups a thing itself may be in.', { maximum: 1_000 }),
    policiesPerGroupMax: count(10, 'Policies attached to one group.', { maximum: 100 }),
  },
  'Groups of things.',
);

const guardrails = Type.Array(
  Type.Object(
    {
      guardrailName: Type.String({ pattern: '^[a-zA-Z0-9:_-]{1,128}$' }),
      policyName: Type.Optional(policyNameSchema),
      property: propertySchema,
    },
    { additionalProperties: false },
  ),
  {
    default: [],
    maxItems: 100,
    description:
      'Proofs required of a policy, or without `policyName` of every policy, each given as for `POST /v1/guardrails`; what would break one is refused, and what broke one before it was required is reported at the start (docs/how-to/prove-a-policy.md).',
  },
);

const proofLimits = section(
  {
    statesMax: count(400_000, 'Automaton states that a proof may make before it is undecided.', {
      maximum: 100_000_000,
    }),
    timeoutMs: count(30_000, 'A proof that takes longer is undecided.', { maximum: 600_000 }),
    pendingMax: count(64, 'Proofs that may wait for the one that runs; one more is told to try again.', {
      maximum: 10_000,
    }),
    setsMax: count(
      200,
      'Proofs that one change may need, by the policies that are attached together; a change that needs more is refused.',
      {
        maximum: 100_000,
      },
    ),
  },
  'Limits of proofs about policies, which run one at a time in a thread of their own.',
);

const activity = section(
  {
    entriesPerThingMax: count(
      128,
      'Kinds of requests kept apart of one thing, as many allowed as denied; of more the most alike become one with `*`.',
      { minimum: 32, maximum: 1_024 },
    ),
    thingsMax: count(100_000, 'Things of which activity is kept; of further ones it is counted only.', {
      maximum: 10_000_000,
    }),
    keptDays: count(30, 'Days after which a request that was not seen again is forgotten.', {
      maximum: 3_650,
    }),
    synthesisRequestsMax: count(
      10_000,
      'Kinds of requests from which one policy is synthesised; further things are left out, and the answer says so.',
      { maximum: 100_000 },
    ),
    namesPerActionMax: count(
      128,
      'Topics and filters of one connection that are counted one by one between two writes, of each action; beyond that they are decided each time and sampled.',
      { minimum: 8, maximum: 65_536 },
    ),
    flushSeconds: count(300, 'Seconds after which what is new is written; a crash costs as much.', {
      maximum: 86_400,
    }),
  },
  'What things do, as it is kept for `policy synthesise`.',
);

const trials = section(
  {
    trialsMax: count(20, 'Policies with a version in trial at once.', { maximum: 1_000 }),
    findingsMax: count(
      200,
      'Kinds of requests kept of one trial that it would decide otherwise; further ones are counted.',
      { maximum: 10_000 },
    ),
  },
  'Trials of policy versions.',
);

const cloneResponse = (standard?: string) =>
  Type.Enum(['off', 'alert', 'refuse', 'quarantine'], {
    ...(standard === undefined ? {} : { default: standard }),
    description:
      'What is done when two devices seem to hold one key: nothing, tell the operator, refuse the newcomer too, or deactivate the certificate.',
  });

const clones = section(
  {
    response: cloneResponse('alert'),
    responses: Type.Array(
      Type.Object({ groupName: groupNameSchema, response: cloneResponse() }, { additionalProperties: false }),
      {
        default: [],
        maxItems: 1_000,
        description:
          'The response for things in a group or under it; of several the strictest, without any the one for all.',
      },
    ),
    windowSeconds: count(900, 'How far back changes of network are looked at.', { maximum: 86_400 }),
    returnsMax: count(
      4,
      'Returns to networks it had left, within the window, that make a certificate suspect.',
      {
        maximum: 30,
      },
    ),
    certificatesMax: count(
      100_000,
      'Certificates whose last networks are remembered; the longest away is forgotten first.',
    ),
    keptMax: count(1_000, 'Detections kept in memory for operators.'),
  },
  'Detection of one certificate on two devices (docs/how-to/detect-clones.md).',
);

const reservedTopics = section(
  {
    requestsPerConnectionMax: count(
      10,
      'Requests of one connection under way at once; one more is rejected.',
      {
        maximum: 1_000,
      },
    ),
    requestsMax: count(1_000, 'Requests of all connections under way at once.', { maximum: 100_000 }),
  },
  'Requests of devices to the platform itself, on `$aws/…`.',
);

const provisioning = section(
  {
    templatesMax: count(100, 'Provisioning templates.', { maximum: 10_000 }),
    claimsMax: count(10_000, 'Claim certificates that have not ended.', { maximum: 1_000_000 }),
    tokenMinutes: count(
      60,
      'How long a certificate that was asked for with a claim can be provisioned; then it is switched off.',
      { maximum: 1_440 },
    ),
    pendingPerClaimMax: count(1_000, 'Certificates of one claim that wait to be provisioned.', {
      maximum: 1_000_000,
    }),
    requestsPerSecondPerClaimMax: count(50, 'Requests a second of one claim, and as many at once.', {
      maximum: 10_000,
    }),
    inFlightMax: count(256, 'Provisioning requests under way at once, of all claims.', { maximum: 10_000 }),
    hookHosts: Type.Array(Type.String({ minLength: 1, maxLength: 259 }), {
      default: [],
      maxItems: 64,
      description:
        'Hosts (`factory.example`, `factory.example:8443`) that pre-provisioning hooks may be at; others are not asked.',
    }),
    hookMayBeLoopback: Type.Boolean({
      default: false,
      description: 'Whether a hook may be on this machine.',
    }),
    hookCaFile: Type.String({
      default: '',
      description:
        'PEM file of the authorities that the certificates of hooks must chain to; empty: those that Node.js trusts.',
    }),
    hookTimeoutMs: count(5_000, 'A hook whose whole answer takes longer has refused.', { maximum: 30_000 }),
    hookAnswerBytesMax: count(16_384, 'A hook whose answer is larger has refused.', { maximum: 1_048_576 }),
    hooksInFlightMax: count(64, 'Hooks that are asked at once; for one more device the answer is no.', {
      maximum: 10_000,
    }),
  },
  'Fleet provisioning with claims.',
);

const vendorCas = section(
  {
    casMax: count(32, 'Vendor CAs, inactive ones included.', { maximum: 1_000 }),
    codeHours: count(168, 'How long a registration code can be used.', { maximum: 8_760 }),
    codesMax: count(100, 'Registration codes that wait to be used.', { maximum: 10_000 }),
    certificatesPerCaMax: count(
      100_000,
      'Certificates of one vendor CA in the registry, whatever their state; no more come in.',
      { maximum: 10_000_000 },
    ),
    firstConnectionsPerSecondPerCaMax: count(
      20,
      'First connections of one vendor CA that are looked at in a second, and as many at once.',
      { maximum: 10_000 },
    ),
    firstConnectionsPerSecondMax: count(50, 'The same for all vendor CAs together.', { maximum: 10_000 }),
    firstConnectionsInFlightMax: count(64, 'First connections that are looked at at once.', {
      maximum: 10_000,
    }),
    refusedAgainSeconds: count(
      10,
      'How long a certificate whose first connection was refused is not looked at again.',
      { maximum: 3_600 },
    ),
  },
  'CAs of vendors, whose devices come in by certificates of them.',
);

const denials = section(
  {
    keptMax: count(10_000, 'Denials of certificates kept in memory for operators.'),
    strangersKeptMax: count(2_000, 'Denials of peers without a certificate kept beside them.'),
    keptPerSecondMax: count(
      20,
      'Denials a second of one cause and principal that are kept; more are only counted.',
    ),
    causesPerMinuteMax: count(
      1_000,
      'Distinct causes and certificates a minute that enter the trail; the rest is counted under one entry a cause.',
    ),
    strangersPerMinuteMax: count(50, 'The same for causes and addresses of peers without a certificate.'),
  },
  'Denials and limits that bit.',
);

/** Every setting of the platform with its default, bounds and unit. */
export const settings = section(
  {
    folder: text('fleetward-data', 'Folder of the records, the keys and the artifacts.'),
    node: Type.String({
      default: 'node-1',
      pattern: '^[a-z0-9-]{1,64}$',
      description: 'Name of this process in the trail.',
    }),
    region: Type.String({
      default: 'local',
      pattern: '^[a-z0-9-]{1,64}$',
      description: 'The region of policy ARNs; the literal REGION is bound to it.',
    }),
    accountId: Type.String({
      default: '000000000000',
      pattern: '^[0-9]{12}$',
      description: 'The account of policy ARNs; the literal ACCOUNT_ID is bound to it.',
    }),
    serverNames: Type.Array(Type.String({ minLength: 1, maxLength: 253 }), {
      default: ['localhost', '127.0.0.1'],
      minItems: 1,
      maxItems: 32,
      description:
        'DNS names and addresses devices and operators reach the platform by; they go into its certificate.',
    }),
    publicUrl: Type.String({
      default: '',
      description:
        'Base URL of the public listener as devices see it, for the addresses of CRL and OCSP in certificates; empty: made from the first server name.',
    }),
    proxyAddresses: Type.Array(Type.String({ minLength: 1, maxLength: 64 }), {
      default: [],
      maxItems: 64,
      description:
        'Addresses and networks (`10.0.0.0/8`) of proxies before the listeners `mqtt` and `devices`: each of their connections must begin with a header of PROXY protocol v2, and is of the address that it names. From nobody else one is read.',
    }),
    logLevel: Type.Union(
      [
        Type.Literal('trace'),
        Type.Literal('debug'),
        Type.Literal('info'),
        Type.Literal('warn'),
        Type.Literal('error'),
        Type.Literal('silent'),
      ],
      { default: 'info', description: 'Least level that is logged, to standard error as JSON lines.' },
    ),
    listeners,
    plainMqtt,
    storage,
    storageLimits,
    masterKey,
    previousMasterKeys,
    hsm,
    weakKeyBlacklist,
    experimental,
    tlsLimits,
    mqttLimits,
    httpLimits,
    certificates,
    enrollment,
    renewals,
    issuanceLog,
    reservedTopics,
    provisioning,
    vendorCas,
    trail,
    releases,
    campaigns,
    director,
    groups,
    activity,
    guardrails,
    proofLimits,
    trials,
    clones,
    denials,
  },
  'Settings of `fleetward serve`.',
);

type DeepReadonly<T> = T extends object ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> } : T;
export type Config = DeepReadonly<Static<typeof settings>>;

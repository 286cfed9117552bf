import { count, flag, section } from './kinds.ts';

export const releases = section(
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
    downloadsMax: count(
      1_000,
      'Downloads of artifacts at once. For one more the slowest reader of those that had `downloadYieldsAfterMs` is cut, and goes on where it stopped; where there is none, it is told to try again.',
      { maximum: 100_000 },
    ),
    deviceDownloadsMax: count(
      4,
      'Downloads of artifacts by one thing at once; one more is told to try again.',
      {
        maximum: 1_000,
      },
    ),
    downloadYieldsAfterMs: count(
      10_000,
      'How long a download is left alone when there are `downloadsMax`, before it makes room for another.',
      { maximum: 3_600_000 },
    ),
    downloadBytesPerSecondMax: count(
      0,
      'Bytes a second of all downloads of artifacts together, shared evenly between the devices that download; 0: no cap. Devices give up what is slower than they allow, so lower `downloadsMax` with it.',
      { minimum: 0 },
    ),
    deviceDownloadBytesPerSecondMax: count(
      0,
      'Bytes a second of the downloads of one thing together, whatever certificates it has; 0: no cap.',
      { minimum: 0 },
    ),
    unfinishedUploadHours: count(24, 'How long an upload that broke off is kept.', { maximum: 8_760 }),
  },
  'Updates.',
);

export const campaigns = section(
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

export const director = section(
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

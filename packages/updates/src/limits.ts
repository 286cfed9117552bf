/** Bounds on what a repository can make us read, build or walk. */
export interface UpdateLimits {
  readonly rootBytesMax: number;
  readonly timestampBytesMax: number;
  readonly snapshotBytesMax: number;
  readonly targetsBytesMax: number;
  /** What a director instructs one device to do. */
  readonly instructionBytesMax: number;
  /** New roots followed in one refresh (TUF 5.3.3). */
  readonly rootRotationsMax: number;
  /** Targets roles visited for one target path (TUF 5.6.7). */
  readonly rolesVisitedMax: number;
}

export const defaultLimits: UpdateLimits = {
  rootBytesMax: 256 * 1024,
  timestampBytesMax: 16 * 1024,
  snapshotBytesMax: 1024 * 1024,
  targetsBytesMax: 4 * 1024 * 1024,
  instructionBytesMax: 16 * 1024,
  rootRotationsMax: 256,
  rolesVisitedMax: 32,
};

/** Bounds on one metadata file, whatever its role; part of the format we accept rather than a setting. */
export const formatLimits = {
  depthMax: 16,
  keysMax: 64,
  signaturesMax: 64,
  rolesMax: 64,
  metaFilesMax: 1024,
  targetsMax: 8192,
  pathCharactersMax: 512,
} as const;

/** `config.json` of an OCI bundle (OCI runtime spec 1.0.2 and later), the parts for Linux that the engine writes. */
export interface OciSpec {
  readonly ociVersion: string;
  readonly hostname?: string;
  readonly domainname?: string;
  readonly process: OciProcess;
  readonly root: { readonly path: string; readonly readonly: boolean };
  readonly mounts: readonly OciMount[];
  readonly annotations: Readonly<Record<string, string>>;
  readonly linux: OciLinux;
}

/** A 64-bit number: one that a double cannot hold comes from `JSON.rawJSON`, so that `JSON.stringify` writes it exactly. */
export type OciInteger = number | { readonly rawJSON: string };

export interface OciProcess {
  readonly terminal: boolean;
  readonly consoleSize?: { readonly height: number; readonly width: number };
  readonly user: {
    readonly uid: number;
    readonly gid: number;
    readonly additionalGids: readonly number[];
    readonly umask?: number;
  };
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly capabilities: {
    readonly bounding: readonly string[];
    readonly effective: readonly string[];
    readonly permitted: readonly string[];
    readonly inheritable: readonly string[];
    readonly ambient: readonly string[];
  };
  readonly rlimits: readonly {
    readonly type: string;
    readonly hard: OciInteger;
    readonly soft: OciInteger;
  }[];
  readonly noNewPrivileges: boolean;
  readonly oomScoreAdj?: number;
  readonly apparmorProfile?: string;
  readonly selinuxLabel?: string;
}

export interface OciMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

export interface OciIdMapping {
  readonly containerID: number;
  readonly hostID: number;
  readonly size: number;
}

export interface OciLinux {
  readonly namespaces: readonly { readonly type: string; readonly path?: string }[];
  readonly uidMappings?: readonly OciIdMapping[];
  readonly gidMappings?: readonly OciIdMapping[];
  readonly devices: readonly {
    readonly path: string;
    readonly type: string;
    readonly major: number;
    readonly minor: number;
    readonly fileMode: number;
    readonly uid: number;
    readonly gid: number;
  }[];
  readonly cgroupsPath: string;
  readonly resources: Readonly<Record<string, unknown>>;
  readonly sysctl: Readonly<Record<string, string>>;
  readonly seccomp?: unknown;
  readonly maskedPaths: readonly string[];
  readonly readonlyPaths: readonly string[];
  readonly rootfsPropagation?: string;
}

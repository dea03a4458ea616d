/** The files of an indexed layer, in its directory: the tar as it is inside the blob, and an EROFS file system over it. */
export const LAYER_TAR = 'layer.tar';
export const LAYER_INDEX = 'layer.erofs';

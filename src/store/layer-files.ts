/** The files of an indexed layer, in its directory: the tar as it is inside the blob, and an EROFS file system over it. */
export const LAYER_TAR = 'layer.tar';
export const LAYER_INDEX = 'layer.erofs';

/** While a layer with opaque directories is packed: the index, with these for everybody to see. */
export const LAYER_SHOWN = 'layer.shown';

/** Instead of both, once a layer is packed: a compressed EROFS file system, and what the tar has beside contents. */
export const LAYER_PACKED = 'layer.packed';
export const LAYER_FRAME = 'layer.frame';

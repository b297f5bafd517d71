# Decodes block formats to f32 with ggml's own decoders, for make.mjs: python3 expand.py <libggml-base.so> <list> <blocks> <floats>
# The list has a line per matrix, "type weights bytes"; the blocks stand one after the other in their file, and so do the floats that are written.

import ctypes
import sys

library = ctypes.CDLL(sys.argv[1])
DECODERS = {"f16": "ggml_fp16_to_fp32_row", "bf16": "ggml_bf16_to_fp32_row"}
blocks = open(sys.argv[3], "rb").read()

with open(sys.argv[4], "wb") as floats:
    at = 0
    for line in open(sys.argv[2]):
        kind, weights, size = line.split()[0], int(line.split()[1]), int(line.split()[2])
        decode = getattr(library, DECODERS.get(kind, "dequantize_row_" + kind.replace("_k", "_K")))
        decode.argtypes = [ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int64]
        decode.restype = None
        decoded = (ctypes.c_float * weights)()
        decode(blocks[at : at + size], decoded, weights)
        floats.write(decoded)
        at += size

"""Schema of .tflite files: names, slots and types of fields.

Source: TensorFlow's schema.fbs (schema 3), copied from the generated `ai_edge_litert.schema_py_generated` 2.3; a test
compares the two. The generated readers neither check bounds nor report the use of each byte; these tables serve one
generic reader and one generic writer.
"""

import dataclasses

import numpy as np

from tfslim.litert.flatbuffer.enumerations import ENUMERATIONS

__all__ = ["FIELDS", "UNIONS", "Field"]

# One table a line, continued on indented lines: its fields in order as name:type or name:type=default. Types are
# NumPy's codes (i4, f4, ? for bool), "string", "union" (the field before it names the table), a table's name, or a
# [vector] of one of these. Tables that are not listed have no fields.
_TABLES = """
CustomQuantization custom:[u1]
BlockwiseQuantization scales:i4 zero_points:i4 block_size:i4 block_shape:[i4]
MultiAxisQuantization scales:i4 zero_points:i4 block_size:i4 quantized_dimensions:[i4]
QuantizationParameters min:[f4] max:[f4] scale:[f4] zero_point:[i8] details_type:u1 details:union
  quantized_dimension:i4
Int32Vector values:[i4]
Uint16Vector values:[u2]
Uint8Vector values:[u1]
DimensionMetadata format:i1 dense_size:i4 array_segments_type:u1 array_segments:union array_indices_type:u1
  array_indices:union
SparsityParameters traversal_order:[i4] block_map:[i4] dim_metadata:[DimensionMetadata]
VariantSubType shape:[i4] type:i1 has_rank:?
Tensor shape:[i4] type:i1 buffer:u4 name:string quantization:QuantizationParameters is_variable:?
  sparsity:SparsityParameters shape_signature:[i4] has_rank:? variant_tensors:[VariantSubType] external_buffer:u4
OperatorCode deprecated_builtin_code:i1 custom_code:string version:i4=1 builtin_code:i4
Operator opcode_index:u4 inputs:[i4] outputs:[i4] builtin_options_type:u1 builtin_options:union custom_options:[u1]
  custom_options_format:i1 mutating_variable_inputs:[?] intermediates:[i4] large_custom_options_offset:u8
  large_custom_options_size:u8 builtin_options2_type:u1 builtin_options2:union debug_metadata_index:i4=-1
SubGraph tensors:[Tensor] inputs:[i4] outputs:[i4] operators:[Operator] name:string debug_metadata_index:i4=-1
Buffer data:[u1] offset:u8 size:u8
ExternalBufferGroup name:string
ExternalBuffer id:u4 group:u4 offset:u8 length:u8 packing:string
Metadata name:string buffer:u4
TensorMap name:string tensor_index:u4
SignatureDef inputs:[TensorMap] outputs:[TensorMap] signature_key:string deprecated_tag:string subgraph_index:u4
Model version:u4 operator_codes:[OperatorCode] subgraphs:[SubGraph] description:string buffers:[Buffer]
  metadata_buffer:[i4] metadata:[Metadata] signature_defs:[SignatureDef] external_buffer_groups:[ExternalBufferGroup]
  external_buffers:[ExternalBuffer]
StablehloGatherOptions offset_dims:[i8] collapsed_slice_dims:[i8] start_index_map:[i8] index_vector_dim:i8
  slice_sizes:[i8] indices_are_sorted:?
StablehloTransposeOptions permutation:[i8]
StablehloDotGeneralOptions lhs_batching_dimensions:[i8] rhs_batching_dimensions:[i8] lhs_contracting_dimensions:[i8]
  rhs_contracting_dimensions:[i8] precision_config:[u4]
StablehloReduceWindowOptions window_dimensions:[i8] window_strides:[i8] base_dilations:[i8] window_dilations:[i8]
  padding:[i8] body_subgraph_index:i4
StablehloWhileOptions cond_subgraph_index:i4 body_subgraph_index:i4
StablehloSortOptions dimension:i8 is_stable:? comparator_subgraph_index:i4
StablehloConcatenateOptions dimension:i8
StablehloBroadcastInDimOptions broadcast_dimensions:[i8]
StablehloCompareOptions comparison_direction:u4 compare_type:u4
StablehloDynamicSliceOptions slice_sizes:[i8]
StablehloPadOptions edge_padding_low:[i8] edge_padding_high:[i8] interior_padding:[i8]
StablehloIotaOptions iota_dimension:i8
StablehloCustomCallOptions call_target_name:string has_side_effect:? backend_config:string api_version:i4
  called_computations:[i4] custom_attributes:[u1]
StablehloReduceOptions dimensions:[i8] body_subgraph_index:i4
StablehloSliceOptions start_indices:[i8] limit_indices:[i8] strides:[i8]
StablehloConvolutionOptions window_strides:[i8] padding:[i8] lhs_dilation:[i8] rhs_dilation:[i8] window_reversal:[?]
  input_batch_dimension:i8 input_feature_dimension:i8 input_spatial_dimensions:[i8] kernel_input_feature_dimension:i8
  kernel_output_feature_dimension:i8 kernel_spatial_dimensions:[i8] output_batch_dimension:i8
  output_feature_dimension:i8 output_spatial_dimensions:[i8] feature_group_count:i8 batch_group_count:i8
  precision_config:[u4]
StablehloScatterOptions indices_are_sorted:? update_window_dims:[i8] inserted_window_dims:[i8]
  scatter_dims_to_operand_dims:[i8] index_vector_dim:i8 unique_indices:? update_computation_subgraph_index:i4
StablehloCaseOptions branch_subgraph_indices:[i4]
StablehloRngBitGeneratorOptions algorithm:i1
Conv2DOptions padding:i1 stride_w:i4 stride_h:i4 fused_activation_function:i1 dilation_w_factor:i4=1
  dilation_h_factor:i4=1 quantized_bias_type:i1
Conv3DOptions padding:i1 stride_d:i4 stride_w:i4 stride_h:i4 fused_activation_function:i1 dilation_d_factor:i4=1
  dilation_w_factor:i4=1 dilation_h_factor:i4=1
Pool2DOptions padding:i1 stride_w:i4 stride_h:i4 filter_width:i4 filter_height:i4 fused_activation_function:i1
DepthwiseConv2DOptions padding:i1 stride_w:i4 stride_h:i4 depth_multiplier:i4 fused_activation_function:i1
  dilation_w_factor:i4=1 dilation_h_factor:i4=1
ConcatEmbeddingsOptions num_channels:i4 num_columns_per_channel:[i4] embedding_dim_per_channel:[i4]
LSHProjectionOptions type:i1
SVDFOptions rank:i4 fused_activation_function:i1 asymmetric_quantize_inputs:?
RNNOptions fused_activation_function:i1 asymmetric_quantize_inputs:?
SequenceRNNOptions time_major:? fused_activation_function:i1 asymmetric_quantize_inputs:?
BidirectionalSequenceRNNOptions time_major:? fused_activation_function:i1 merge_outputs:? asymmetric_quantize_inputs:?
FullyConnectedOptions fused_activation_function:i1 weights_format:i1 keep_num_dims:? asymmetric_quantize_inputs:?
  quantized_bias_type:i1 quant_spec:[u1]
SoftmaxOptions beta:f4
ConcatenationOptions axis:i4 fused_activation_function:i1
AddOptions fused_activation_function:i1 pot_scale_int16:?=True
MulOptions fused_activation_function:i1
L2NormOptions fused_activation_function:i1
LocalResponseNormalizationOptions radius:i4 bias:f4 alpha:f4 beta:f4
LSTMOptions fused_activation_function:i1 cell_clip:f4 proj_clip:f4 kernel_type:i1 asymmetric_quantize_inputs:?
UnidirectionalSequenceLSTMOptions fused_activation_function:i1 cell_clip:f4 proj_clip:f4 time_major:?
  asymmetric_quantize_inputs:? diagonal_recurrent_tensors:?
BidirectionalSequenceLSTMOptions fused_activation_function:i1 cell_clip:f4 proj_clip:f4 merge_outputs:?
  time_major:?=True asymmetric_quantize_inputs:?
ResizeBilinearOptions deprecated_new_height:i4 deprecated_new_width:i4 align_corners:? half_pixel_centers:?
ResizeNearestNeighborOptions align_corners:? half_pixel_centers:?
CallOptions subgraph:u4
ReshapeOptions new_shape:[i4]
SkipGramOptions ngram_size:i4 max_skip_size:i4 include_all_ngrams:?
SpaceToDepthOptions block_size:i4
DepthToSpaceOptions block_size:i4
SubOptions fused_activation_function:i1 pot_scale_int16:?=True
DivOptions fused_activation_function:i1
EmbeddingLookupSparseOptions combiner:i1
GatherOptions axis:i4 batch_dims:i4
ReducerOptions keep_dims:?
SqueezeOptions squeeze_dims:[i4]
SplitOptions num_splits:i4
SplitVOptions num_splits:i4
StridedSliceOptions begin_mask:i4 end_mask:i4 ellipsis_mask:i4 new_axis_mask:i4 shrink_axis_mask:i4 offset:?
CastOptions in_data_type:i1 out_data_type:i1
ArgMaxOptions output_type:i1
ArgMinOptions output_type:i1
TransposeConvOptions padding:i1 stride_w:i4 stride_h:i4 fused_activation_function:i1 quantized_bias_type:i1
SparseToDenseOptions validate_indices:?
ShapeOptions out_type:i1
FakeQuantOptions min:f4 max:f4 num_bits:i4 narrow_range:?
PackOptions values_count:i4 axis:i4
OneHotOptions axis:i4
UnpackOptions num:i4 axis:i4
LeakyReluOptions alpha:f4
MirrorPadOptions mode:i1
UniqueOptions idx_out_type:i1=2
ReverseSequenceOptions seq_dim:i4 batch_dim:i4
IfOptions then_subgraph_index:i4 else_subgraph_index:i4
CallOnceOptions init_subgraph_index:i4
WhileOptions cond_subgraph_index:i4 body_subgraph_index:i4
BatchMatMulOptions adj_x:? adj_y:? asymmetric_quantize_inputs:?
CumsumOptions exclusive:? reverse:?
HashtableOptions table_id:i4 key_dtype:i1 value_dtype:i1
VarHandleOptions container:string shared_name:string
RandomOptions seed:i8 seed2:i8
BucketizeOptions boundaries:[f4]
GeluOptions approximate:?
ReduceWindowOptions reduce_function:i4
StableHLOCompositeOptions name:string decomposition_subgraph_index:i4 composite_attributes:[u1]
  composite_attributes_format:i1 version:i4
ConversionMetadata environment:ConversionEnvironment
ConversionEnvironment tensorflow_version:string
"""
# The tables of the TFLITE_METADATA buffer, from metadata_schema.fbs of tensorflow/tflite-support, version 1.1.0.
_METADATA_TABLES = """
ModelMetadata name:string description:string version:string subgraph_metadata:[SubGraphMetadata] author:string
  license:string associated_files:[AssociatedFile] min_parser_version:string
SubGraphMetadata name:string description:string input_tensor_metadata:[TensorMetadata]
  output_tensor_metadata:[TensorMetadata] associated_files:[AssociatedFile]
TensorMetadata name:string description:string dimension_names:[string] content:Content process_units:[ProcessUnit]
  stats:Stats associated_files:[AssociatedFile]
AssociatedFile name:string description:string type:u1 locale:string version:string
Content content_properties_type:u1 content_properties:union range:ValueRange
ValueRange min:i4 max:i4
ImageProperties color_space:u1 default_size:ImageSize
ImageSize width:u4 height:u4
ProcessUnit options_type:u1 options:union
NormalizationOptions mean:[f4] std:[f4]
Stats max:[f4] min:[f4]
"""


@dataclasses.dataclass(frozen=True)
class Field:
    """One field of a table.

    `kind` is "scalar", "string", "union", "table", "scalars", "strings" or "tables".
    """

    name: str
    slot: int
    kind: str
    dtype: np.dtype = np.dtype("u4")  # of what is no scalar: an offset
    table: str = ""
    default: int | float | bool = 0


def _fields(text: str) -> dict[str, tuple[Field, ...]]:
    tables: dict[str, list[str]] = {}
    for line in text.strip().splitlines():
        words = line.split()
        if not line.startswith(" "):
            tables[words.pop(0)] = fields = []
        fields += words
    return {name: tuple(_field(slot, word) for slot, word in enumerate(words)) for name, words in tables.items()}


def _field(slot: int, word: str) -> Field:
    name, _, kind = word.partition(":")
    kind, _, default = kind.partition("=")
    inner = kind.strip("[]")
    several = "s" if kind != inner else ""
    if inner in ("string", "union"):
        return Field(name, slot, inner + several)
    if len(inner) > 2:
        return Field(name, slot, "table" + several, table=inner)
    dtype = np.dtype(inner if inner == "?" else f"<{inner}")
    value = dtype.type(default == "True" if inner == "?" else default or 0).item()
    return Field(name, slot, "scalar" + several, dtype=dtype, default=value)


FIELDS = _fields(_TABLES) | _fields(_METADATA_TABLES)
# Field -> the tables it may hold, by the number in the field before it.
UNIONS = {
    "builtin_options": ENUMERATIONS["BuiltinOptions"],
    "builtin_options2": ENUMERATIONS["BuiltinOptions2"],
    "details": ENUMERATIONS["QuantizationDetails"],
    "array_segments": ENUMERATIONS["SparseIndexVector"],
    "array_indices": ENUMERATIONS["SparseIndexVector"],
    "content_properties": {1: "FeatureProperties", 2: "ImageProperties"},
    "options": {1: "NormalizationOptions"},  # of the ProcessUnitOptions, those that are read here
}

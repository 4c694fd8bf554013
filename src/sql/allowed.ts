/*
 * What SQL of users may name. Everything here is of pg_catalog and immutable or stable (a test asks the server), reads
 * nothing but its arguments, and has no way to change a session. What is not here is refused.
 */

const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/));

export const FUNCTIONS: ReadonlySet<string> = words(`
  abs ceil ceiling floor round trunc sign sqrt cbrt exp ln log log10 power pow mod div gcd lcm width_bucket pi degrees radians
  sin cos tan asin acos atan atan2 sinh cosh tanh scale min_scale trim_scale
  lower upper initcap length char_length character_length octet_length bit_length btrim ltrim rtrim left right lpad rpad repeat
  substring substr position strpos overlay replace translate reverse split_part concat concat_ws starts_with ascii chr to_hex
  md5 sha224 sha256 sha384 sha512 encode decode convert_to convert_from normalize is_normalized quote_literal quote_ident quote_nullable
  like_escape similar_to_escape regexp_count regexp_instr regexp_like regexp_match regexp_replace regexp_substr regexp_split_to_array
  age date_part date_trunc date_bin date_add date_subtract extract make_date make_time make_timestamp make_timestamptz make_interval
  justify_days justify_hours justify_interval isfinite overlaps timezone now transaction_timestamp statement_timestamp
  to_char to_date to_timestamp to_number
  jsonb_typeof jsonb_array_length jsonb_extract_path jsonb_extract_path_text jsonb_build_object jsonb_build_array to_jsonb jsonb_set
  jsonb_insert jsonb_strip_nulls jsonb_pretty jsonb_path_exists jsonb_path_match jsonb_path_query_array jsonb_path_query_first
  array_length array_lower array_upper array_ndims cardinality array_position array_positions array_append array_prepend array_cat
  array_remove array_replace array_to_string string_to_array trim_array num_nulls num_nonnulls`);

/** Functions whose second argument says how long the result is: it must be a number in the text, and no bigger than this. */
export const SIZED: ReadonlySet<string> = words('lpad rpad repeat');
export const LARGEST_SIZE = 10_000;

/** Functions whose value depends on the moment; `age` with one argument does too. */
export const TIME_FUNCTIONS: ReadonlySet<string> = words('now transaction_timestamp statement_timestamp');

export const AGGREGATES: ReadonlySet<string> = words(`
  count sum avg min max bool_and bool_or every any_value string_agg array_agg jsonb_agg jsonb_object_agg stddev stddev_pop stddev_samp
  variance var_pop var_samp corr covar_pop covar_samp regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy
  regr_syy percentile_cont percentile_disc mode`);

export const WINDOW_FUNCTIONS: ReadonlySet<string> = words('row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value');

/** Functions that may stand in FROM. */
export const ROW_FUNCTIONS: ReadonlySet<string> = words('generate_series unnest jsonb_array_elements jsonb_array_elements_text jsonb_to_recordset');

export const OPERATORS: ReadonlySet<string> = words(`
  + - * / % ^ |/ ||/ @ & | # ~ << >> = <> < > <= >= || ~* !~ !~* ~~ ~~* !~~ !~~* ^@ -> ->> #> #>> #- @> <@ ? ?| ?& @? @@ &&`);

/** Types that may be cast to. Never the `reg...` types (they look names up) or `oid`. */
export const TYPES: ReadonlySet<string> = words(`
  text varchar bpchar bool int2 int4 int8 numeric float4 float8 date time timetz timestamp timestamptz interval uuid json jsonb bytea`);

/** Types that take numbers in parentheses, as in numeric(10, 2). */
export const SIZED_TYPES: ReadonlySet<string> = words('varchar bpchar numeric time timetz timestamp timestamptz');

/** Types whose input knows the words `now` and `today`. */
export const TIME_TYPES: ReadonlySet<string> = words('date time timetz timestamp timestamptz');

export const COLLATIONS: ReadonlySet<string> = words('C POSIX default');

import { Field, ObjectType } from 'type-graphql';
import { BigIntScalar, JsonScalar } from '../../scalars.js';
import { FileFormatEnum, LoadModeEnum } from './enums.js';

@ObjectType({ description: 'A row of a preview.' })
export class PreviewRow {
  @Field(() => BigIntScalar, { nullable: true, description: 'Its line in the file; null of a row that would be loaded.' }) line!: string | null;
  @Field(() => JsonScalar, { description: 'Texts by field; null where you may not see the field plain in every row.' }) values!: Readonly<
    Record<string, string | null>
  >;
}

@ObjectType({ description: 'Why rows would be quarantined; a row with several reasons counts for each.' })
export class PreviewReason {
  @Field(() => String, { nullable: true, description: 'Null when it is about the whole row.' }) field!: string | null;
  @Field(() => String) rule!: string;
  @Field(() => String) message!: string;
  @Field(() => BigIntScalar) count!: string;
  @Field(() => [PreviewRow], { description: 'The first of them; none for who may not see every row.' }) rows!: readonly PreviewRow[];
}

@ObjectType({ description: 'How the contract would follow the rows: a field that it would get, or whose type would become a wider one.' })
export class DriftChange {
  @Field(() => String) field!: string;
  @Field(() => String, { nullable: true, description: 'Of a new field the name of its column, as it came.' }) column!: string | null;
  @Field(() => String, { nullable: true, description: 'The type that it has; null of a new field.' }) from!: string | null;
  @Field(() => String, { description: 'The type that it would have.' }) to!: string;
}

@ObjectType({ description: 'The format in which dates and times of a field are read.' })
export class ReadFormat {
  @Field(() => String) field!: string;
  @Field(() => String) format!: string;
}

@ObjectType({ description: 'As what a content is read: what was said, what was found out, and else what is usual. Of several files the first one.' })
export class ReadAs {
  @Field(() => FileFormatEnum) format!: string;
  @Field(() => String, { nullable: true, description: 'gzip or zstd.' }) packing!: string | null;
  @Field(() => String, { nullable: true, description: 'Of a text.' }) encoding!: string | null;
  @Field(() => String, { nullable: true, description: 'Of CSV, as are the next three.' }) delimiter!: string | null;
  @Field(() => String, { nullable: true }) quote!: string | null;
  @Field(() => Boolean, { nullable: true }) header!: boolean | null;
  @Field(() => String, { nullable: true }) decimal!: string | null;
  @Field(() => [ReadFormat], { description: 'Of fields that have none in the contract, where they were found out.' }) formats!: readonly ReadFormat[];
}

@ObjectType({ description: 'What a load would do. Nothing of it is done. rowsRead = rowsLoaded + rowsQuarantined + rowsDeduplicated.' })
export class IngestPreview {
  @Field(() => String) dataset!: string;
  @Field(() => LoadModeEnum) mode!: string;
  @Field(() => Boolean, { description: 'The same content was loaded before, and would add nothing.' }) repeated!: boolean;
  @Field(() => BigIntScalar) rowsRead!: string;
  @Field(() => BigIntScalar) rowsLoaded!: string;
  @Field(() => BigIntScalar, { description: 'Of those that would be loaded.' }) rowsInserted!: string;
  @Field(() => BigIntScalar, { description: 'Of those that would be loaded, in a merge.' }) rowsUpdated!: string;
  @Field(() => BigIntScalar) rowsQuarantined!: string;
  @Field(() => BigIntScalar) rowsDeduplicated!: string;
  @Field(() => BigIntScalar) bytesRead!: string;
  @Field(() => ReadAs, { nullable: true }) readAs!: ReadAs | null;
  @Field(() => [DriftChange]) drift!: readonly DriftChange[];
  @Field(() => [PreviewReason], { description: 'Without those about fields that you may not know of.' }) reasons!: readonly PreviewReason[];
  @Field(() => [PreviewRow], { description: 'The first rows that would be loaded; none for who may not see every row.' }) rows!: readonly PreviewRow[];
  @Field(() => [String], { description: 'Fields whose values are null here because you may not see them plain in every row.' }) masked!: readonly string[];
}

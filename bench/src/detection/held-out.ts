import { allFakers } from '@faker-js/faker';
import { columnOf, fakerFrom, type Kind } from './positives.ts';
import { snake, type LabelledDataset } from './labelled.ts';

/** Tables whose names of columns were not looked at when words and thresholds were chosen, in locales that were not either. */
const SCHEMAS: Readonly<Record<string, Readonly<Record<string, Kind>>>> = {
  // Exports of Google Contacts, Mailchimp, HubSpot and WooCommerce
  google_contacts: {
    'Given Name': 'first',
    'Family Name': 'last',
    'E-mail 1 - Value': 'email',
    'Phone 1 - Value': 'phone',
    Birthday: 'birth',
    'Address 1 - Street': 'street',
    'Address 1 - City': 'city',
    'Address 1 - Postal Code': 'postcode',
  },
  mailchimp_audience: { 'Email Address': 'email', 'First Name': 'first', 'Last Name': 'last', 'Phone Number': 'phone', Address: 'street' },
  hubspot_contacts: {
    firstname: 'first',
    lastname: 'last',
    email: 'email',
    mobilephone: 'phone',
    address: 'street',
    city: 'city',
    zip: 'postcode',
    date_of_birth: 'birth',
  },
  woocommerce_orders: {
    billing_first_name: 'first',
    billing_last_name: 'last',
    billing_email: 'email',
    billing_phone: 'phone',
    billing_address_1: 'street',
    billing_city: 'city',
    billing_postcode: 'postcode',
    customer_ip_address: 'ip',
  },
  // Sample databases: Northwind, AdventureWorks, Chinook, Sakila
  northwind_employees: {
    LastName: 'last',
    FirstName: 'first',
    BirthDate: 'birth',
    Address: 'street',
    City: 'city',
    PostalCode: 'postcode',
    HomePhone: 'phone',
  },
  northwind_customers: { ContactName: 'full', Address: 'street', City: 'city', PostalCode: 'postcode', Phone: 'phone', Fax: 'phone' },
  adventureworks_person: {
    FirstName: 'first',
    MiddleName: 'first',
    LastName: 'last',
    EmailAddress: 'email',
    PhoneNumber: 'phone',
    AddressLine1: 'street',
    City: 'city',
    PostalCode: 'postcode',
    BirthDate: 'birth',
    CardNumber: 'card',
  },
  chinook_customer: { FirstName: 'first', LastName: 'last', Address: 'street', City: 'city', PostalCode: 'postcode', Phone: 'phone', Email: 'email' },
  sakila_customer: { first_name: 'first', last_name: 'last', email: 'email' },
  sakila_address: { address: 'street', postal_code: 'postcode', phone: 'phone' },
  // HL7 FHIR's Patient, as a table
  fhir_patient: {
    name_family: 'last',
    name_given: 'first',
    telecom_phone: 'phone',
    telecom_email: 'email',
    birth_date: 'birth',
    address_line: 'street',
    address_city: 'city',
    address_postal_code: 'postcode',
  },
  // SAP's customer master and the columns of an ERP in German
  sap_kna1: { name1: 'full', stras: 'street', ort01: 'city', pstlz: 'postcode', telf1: 'phone' },
  lieferanten: { ansprechpartner: 'full', iban: 'iban', tel_nr: 'phone', mail: 'email', anschrift: 'street' },
  sepa_mandates: { debtor_iban: 'iban', iban_number: 'iban', account: 'iban', signer_email: 'email' },
  web_sessions: { client_ip: 'ipv4', user_ip: 'ip', source_ip: 'ipv6', login: 'email' },
};

const LOCALES = ['fi', 'hu', 'ro', 'ko', 'zh_CN', 'nb_NO', 'en_CA', 'de_AT', 'fr_BE', 'es_MX'] as const;

export function heldOut(): LabelledDataset[] {
  return Object.entries(SCHEMAS).flatMap(([name, columns]) =>
    LOCALES.map((locale): LabelledDataset => ({
      name,
      columns: Object.entries(columns).map(([column, kind]) => columnOf(snake(column), kind, fakerFrom(allFakers[locale], `${locale}${name}${column}`))),
    })),
  );
}

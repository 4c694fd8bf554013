/** Patients with an encrypted number each and a note, who see them in different ways, and visits that lead to them. */
export const MANIFESTS = `
kind: Dataset
name: patients
fields:
  - { name: id, type: integer }
  - { name: person, type: text }
  - { name: national_id, type: text, encrypted: true, required: true }
  - { name: note, type: text, encrypted: true }
  - { name: country, type: text }
  - { name: free, type: text }
key: [id]
subject: person
cache: { ttl: 5m }
---
kind: Dataset
name: visits
fields: [{ name: id, type: integer }, { name: patient_id, type: integer }]
key: [id]
relations: [{ name: patient, to: patients, on: { patient_id: id } }]
---
kind: Dataset
name: machines
fields: [{ name: id, type: integer }, { name: secret, type: text, encrypted: true }]
key: [id]
---
kind: Grant
name: doctors
to: { roles: [doctor] }
on: { datasets: [patients, visits, machines] }
rights: [read, export, subscribe]
fields: { '*': allow }
---
kind: Grant
name: viewers
to: { roles: [viewer] }
on: { datasets: [patients] }
rights: [subscribe]
fields: { id: allow, national_id: { mask: redact } }
---
kind: Grant
name: clerks
to: { roles: [clerk] }
on: { datasets: [patients] }
rights: [read, export]
fields: { id: allow, country: allow, national_id: { mask: redact }, note: { mask: nullify } }
---
kind: Grant
name: german-desk
to: { roles: [desk] }
on: { datasets: [patients] }
rights: [read, export]
rows: country = 'DE'
fields: { id: allow, country: allow, national_id: allow }
---
kind: Grant
name: whole-desk
to: { roles: [desk] }
on: { datasets: [patients] }
rights: [read, export]
fields: { id: allow, national_id: { mask: redact } }
---
kind: Grant
name: strangers
to: { roles: [stranger] }
on: { datasets: [patients] }
rights: [read, export]
fields: { id: allow }
`;

export const CSV = `id,person,national_id,note,country,free
1,anna,4711-A,"likes ""tea"", and
coffee",DE,hge1.AAAAAAAAAAAAAAAAAAAAAA.AAAA
2,bert,4712-B,,FR,x
3,anna,4711-A,"",DE,
4,,4713-C,nobody's,DE,
`;

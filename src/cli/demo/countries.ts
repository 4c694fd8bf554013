type Names = readonly [string, ...string[]];

export interface Country {
  readonly code: string;
  /** Of a hundred passengers. */
  readonly share: number;
  readonly dialling: string;
  readonly first: Names;
  readonly last: Names;
}

const names = (text: string): Names => text.split(' ') as unknown as Names;

/** Common names of some countries; put together at random they are nobody's in particular. */
export const COUNTRIES: readonly [Country, ...Country[]] = [
  {
    code: 'US',
    share: 34,
    dialling: '+1',
    first: names(
      'James Mary Robert Patricia John Jennifer Michael Linda David Elizabeth William Barbara Richard Susan Joseph Jessica Thomas Karen Daniel Emily Tyrone Ashley Carlos Grace',
    ),
    last: names(
      'Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Wilson Anderson Taylor Moore Jackson Lee Thompson White Harris Clark Lewis Young Walker Hall',
    ),
  },
  {
    code: 'DE',
    share: 16,
    dialling: '+49',
    first: names(
      'Anna Lukas Marie Leon Sophie Paul Hannah Jonas Lena Felix Katharina Maximilian Johanna Tobias Ute Jürgen Käthe Björn Greta Stefan Aylin Mehmet Sabine Wolfgang',
    ),
    last: names(
      'Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Koch Richter Klein Wolf Schröder Neumann Schwarz Krüger Braun Yılmaz Groß Lange Vogel Jäger',
    ),
  },
  {
    code: 'GB',
    share: 10,
    dialling: '+44',
    first: names('Oliver Olivia George Amelia Harry Isla Jack Ava Noah Emily Charlie Poppy Alfie Freya Nisha Callum Fiona Rhys Imogen Graham'),
    last: names('Smith Jones Taylor Brown Williams Wilson Johnson Davies Patel Robinson Wright Thompson Evans Walker White Roberts Green Hall Wood Hughes'),
  },
  {
    code: 'FR',
    share: 8,
    dialling: '+33',
    first: names('Gabriel Emma Louis Jade Raphaël Louise Jules Alice Adam Chloé Lucas Léa Hugo Manon Arthur Camille Étienne Zoé François Inès'),
    last: names(
      'Martin Bernard Thomas Petit Robert Richard Durand Dubois Moreau Laurent Simon Michel Lefebvre Leroy Roux David Bertrand Morel Fournier Girard',
    ),
  },
  {
    code: 'ES',
    share: 7,
    dialling: '+34',
    first: names('Hugo Lucía Martín Sofía Mateo Martina Alejandro María Pablo Paula Álvaro Valeria Íñigo Carmen Javier Elena'),
    last: names('García Rodríguez González Fernández López Martínez Sánchez Pérez Gómez Martín Jiménez Ruiz Hernández Díaz Moreno Muñoz'),
  },
  {
    code: 'IT',
    share: 6,
    dialling: '+39',
    first: names('Leonardo Sofia Francesco Giulia Alessandro Aurora Lorenzo Alice Mattia Ginevra Andrea Emma Gabriele Giorgia Niccolò Chiara'),
    last: names('Rossi Russo Ferrari Esposito Bianchi Romano Colombo Ricci Marino Greco Bruno Gallo Conti Costa Giordano Mancini'),
  },
  {
    code: 'PL',
    share: 5,
    dialling: '+48',
    first: names('Antoni Zuzanna Jakub Julia Jan Zofia Szymon Hanna Franciszek Maja Łukasz Agnieszka Stanisław Małgorzata'),
    last: names('Nowak Kowalski Wiśniewski Wójcik Kowalczyk Kamiński Lewandowski Zieliński Szymański Woźniak Dąbrowski Kozłowski'),
  },
  {
    code: 'NL',
    share: 4,
    dialling: '+31',
    first: names('Daan Emma Sem Tess Milan Sophie Levi Julia Luuk Zoë Bram Fleur Jeroen Sanne'),
    last: names('Jansen Visser Smit Meijer Bakker Mulder Bos Vos Peters Hendriks Dekker Brouwer Dijkstra Kok'),
  },
  {
    code: 'JP',
    share: 5,
    dialling: '+81',
    first: names('Haruto Yui Sota Rin Yuki Aoi Hayato Sakura Haruki Hina Ren Mio Kenji Naoko'),
    last: names('Sato Suzuki Takahashi Tanaka Watanabe Ito Yamamoto Nakamura Kobayashi Kato Yoshida Yamada Sasaki Matsumoto'),
  },
  {
    code: 'IN',
    share: 5,
    dialling: '+91',
    first: names('Aarav Ananya Vivaan Diya Aditya Saanvi Arjun Aadhya Rohan Priya Karthik Meera Sanjay Lakshmi'),
    last: names('Sharma Patel Singh Kumar Reddy Iyer Nair Gupta Das Mehta Joshi Rao Banerjee Khan'),
  },
];

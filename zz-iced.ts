import { Decoder as Iced, DecoderOptions, Instruction as IcedInstruction, Mnemonic } from 'iced-x86';
import { Decoder, DecodeStatus, newInstruction } from '/work/wt/x86/src/impl/x86/decoder.ts';
import { mnemonicOf } from '/work/wt/x86/src/impl/x86/table.ts';
const d = new Decoder(); const ins = newInstruction();
const out = new IcedInstruction();
const bits=[16,32,64];
const diffs = new Map<string,{n:number,ex:string}>();
let total=0, unsupported=0, agree=0, invalid=0;
const JC: Record<number,string>={1:'jcxz',2:'jecxz',3:'jrcxz'};
function check(bytes: Uint8Array, mode: number){
  total++;
  const st=d.decode(bytes,0,bytes.length,mode,ins);
  const ice = new Iced(bits[mode]!, bytes, DecoderOptions.None);
  ice.decodeOut(out);
  const im = out.mnemonic===0 ? 'invalid' : Mnemonic[out.mnemonic]!.toLowerCase();
  let mine: string;
  if(st!==0) mine='invalid';
  else if(ins.row.class==='unsupported'){unsupported++; ice.free(); return;}
  else { mine = ins.row.isNamedByAddressSize? JC[ins.addressSize]! : ins.row.isNopWithoutRex && (ins.rm===0) ? 'nop' : mnemonicOf(ins.row, ins.operandSize); }
  const ok = mine===im && (mine==='invalid' || ins.length===out.length);
  if(ok){ if(mine==='invalid') invalid++; else agree++; }
  else { const key=`${mode} mine=${mine}${st!==0?'('+st+')':''} iced=${im}${mine===im?` len ${ins.length}/${out.length}`:''}`; const e=diffs.get(key); if(e) e.n++; else diffs.set(key,{n:1,ex:Buffer.from(bytes.subarray(0,Math.max(out.length,ins.length,4))).toString('hex')}); }
  ice.free();
}
const quick = process.argv[2]!=='full';
const prefixes=[[],[0x66],[0xf3],[0xf2],[0x48],[0x66,0x48],[0xf3,0x48],[0x67],[0xf0],[0x66,0xf3]];
const maps=[[],[0x0f],[0x0f,0x38],[0x0f,0x3a]];
const buf=new Uint8Array(16);
let seed=1; const rnd=()=>{seed=(Math.imul(seed,1103515245)+12345)>>>0; return seed>>>16&0xff};
const t0=Date.now();
for(const mode of [2,1,0]) for(const p of prefixes){ if(mode!==2&&p.includes(0x48)) continue; for(const m of maps) for(let op=0;op<256;op++) for(let mr=0;mr<256;mr+=quick?7:1){
  let n=0; for(const b of p) buf[n++]=b; for(const b of m) buf[n++]=b; buf[n++]=op; buf[n++]=mr; while(n<16) buf[n++]=rnd();
  check(buf,mode);
}}
for(const mode of [2,1,0]) for(let i=0;i<(quick?100000:3000000);i++){ for(let k=0;k<16;k++) buf[k]=rnd(); check(buf,mode);
 // vex
 if(i%4===0){ buf[0]=rnd()&1?0xc4:0xc5; if(mode!==2) buf[1]|=0xc0; if(buf[0]===0xc4){buf[1]=(buf[1]!&0xe0)|(2+(rnd()&1)); buf[3]=[0xf2,0xf3,0xf5,0xf6,0xf7,0xf0][rnd()%6]!; buf[2]=buf[2]!&0xfb;} check(buf,mode);} }
console.log({total,agree,invalid,unsupported,ms:Date.now()-t0});
for(const [k,v] of [...diffs].sort((a,b)=>b[1].n-a[1].n).slice(0,60)) console.log(v.n,k,v.ex);
